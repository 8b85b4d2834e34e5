"""The table stays where it is, and so do the references to it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apis', '0007_revisions'),
        ('assets', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.AlterField(
                model_name='apiinstance',
                name='asset',
                field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='instances', to='assets.asset'),
            ),
            migrations.DeleteModel(name='Asset'),
        ]),
    ]
