"""Dots are taken in the admin, too. Nothing changes in the database."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apis', '0008_assets_are_an_app'),
        ('assets', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='asset',
            name='asset_id',
            field=models.CharField(db_index=True, max_length=120, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9_.-]{1,120}$', 'Use 1 to 120 letters, digits, hyphens, dots and underscores.')]),
        ),
    ]
