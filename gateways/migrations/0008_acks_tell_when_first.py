from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("gateways", "0007_books_are_told_anew")]

    operations = [
        migrations.AddField(
            model_name="ack",
            name="first_at",
            field=models.DateTimeField(
                help_text="When it answered first; it answers again where an API of it fares otherwise.", null=True
            ),
        ),
    ]
