"""The event loop of a serving process: asyncio's own, but for what each call passes, which is ours and compiled."""
