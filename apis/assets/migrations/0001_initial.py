"""Assets come from the app of API instances, with their table, their content type and its permissions."""

import django.db.models.deletion
from django.db import migrations, models


def _renamed(before, after):
    def rename(apps, schema_editor):
        types = apps.get_model('contenttypes', 'ContentType').objects.using(schema_editor.connection.alias)
        types.filter(app_label=before, model='asset').update(app_label=after)

    return rename


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('apis', '0007_revisions'),
        ('console', '0003_audit_of'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.CreateModel(
                name='Asset',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('asset_id', models.SlugField(max_length=120)),
                    ('version', models.CharField(default='1.0.0', max_length=40)),
                    ('api_version', models.CharField(default='v1', help_text='The version consumers see.', max_length=40)),
                    ('name', models.CharField(max_length=255)),
                    ('type', models.CharField(choices=[('rest-api', 'REST API'), ('http-api', 'HTTP API')], default='http-api', max_length=12)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                    ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assets', to='console.organization')),
                    ('specification', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='assets', to='apis.specification')),
                ],
                options={
                    'db_table': 'apis_asset',
                    'ordering': ['name', 'version'],
                    'constraints': [models.UniqueConstraint(fields=('organization', 'asset_id', 'version'), name='asset_version_is_unique')],
                },
            ),
        ]),
        migrations.RunPython(_renamed('apis', 'assets'), _renamed('assets', 'apis')),
    ]
