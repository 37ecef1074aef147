"""What operators and monitoring read about the site itself: operations, and its own probes."""

from django.db import models


class Operation(models.Model):
    """The last result of regular work, such as a backup. One row for each kind of work."""

    name = models.CharField(
        primary_key=True, max_length=64, help_text="Such as backup, backup-verify or maintain."
    )
    succeeded = models.BooleanField(help_text="Whether the last run succeeded.")
    ended_at = models.DateTimeField(help_text="When the last run ended.")
    succeeded_at = models.DateTimeField(
        null=True, help_text="When the last run that succeeded ended."
    )
    seconds = models.FloatField(default=0, help_text="How long the last run took.")
    detail = models.CharField(
        max_length=500, blank=True, help_text="The result of the last run, in a sentence."
    )
    facts = models.JSONField(default=dict, help_text="Figures of the last run, by name.")

    def __str__(self) -> str:
        return self.name


class ProbeDay(models.Model):
    """How many of the probes of a day (UTC) were answered, and how many were not."""

    day = models.DateField(primary_key=True, help_text="In UTC.")
    up = models.PositiveIntegerField(default=0, help_text="Probes that were answered.")
    down = models.PositiveIntegerField(default=0, help_text="Probes that failed.")

    def __str__(self) -> str:
        return f"Probes of {self.day}"
