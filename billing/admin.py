from django.contrib import admin

from billing.models import Plan


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    list_display = ("tier", "price_month", "price_year", "currency", "public", "position")
    list_select_related = ("tier",)
