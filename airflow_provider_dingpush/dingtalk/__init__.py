"""How a message is said to DingTalk: wire formats, signing, HTTP, and what the answers mean."""
