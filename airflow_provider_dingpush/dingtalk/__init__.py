"""Sending messages to DingTalk: one file for each channel, HTTP, signing, access tokens, and the meaning of replies."""
