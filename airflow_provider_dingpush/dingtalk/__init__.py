"""How a message is sent to DingTalk: one file for each channel, HTTP, signing, access tokens, and what replies mean."""
