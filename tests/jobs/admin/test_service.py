import asyncio

from penstock.process.loop import run
from tests.support.gateway import OPEN_ECHO, running_gateway
from tests.support.jobs import ended, jsonl, line, make, told


def test_operators_see_all_jobs_page_by_page() -> None:
    async def main() -> None:
        async with running_gateway(OPEN_ECHO) as gateway, asyncio.timeout(90):
            ids = [(await make(gateway, jsonl(line(n))))["id"] for n in range(3)]
            for id in ids:
                await ended(gateway, id)
            page = await told(gateway, "GET", "/admin/v1/jobs?limit=2")
            assert ([row["id"] for row in page["jobs"]], page["has_more"]) == (ids[:0:-1], True)
            assert page["jobs"][0]["completed"] == 1
            rest = await told(gateway, "GET", f"/admin/v1/jobs?limit=2&after={ids[1]}")
            assert ([row["id"] for row in rest["jobs"]], rest["has_more"]) == ([ids[0]], False)

    run(main())
