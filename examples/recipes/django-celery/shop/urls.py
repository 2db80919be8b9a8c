"""The URLs."""

from django.urls import path

from rewards import views

urlpatterns = [
    path("health", views.health),
    path("accounts", views.accounts),
    path("orders", views.place),
]
