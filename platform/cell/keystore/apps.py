from django.apps import AppConfig

from cell.databases import KEYSTORE


class KeystoreConfig(AppConfig):
    name = "cell.keystore"
    label = KEYSTORE
