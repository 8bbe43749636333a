"""HTTP/1.1 on asyncio.Protocol and llhttp: the server, the pooled client, TLS, names, child processes."""
