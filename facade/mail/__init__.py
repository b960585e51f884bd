"""Secure messaging (MSSanté): addresses, the XDM archive, the message, its submission, and what is heard of it after.

Nothing here decides who may send what: ``policy`` does. Nothing here keeps anything: ``records`` does.
"""
