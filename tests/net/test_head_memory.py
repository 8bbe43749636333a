"""Targets and hosts that anybody may make up do not keep those of others from being remembered."""

from penstock.net.http_head import HeadReader


def test_made_up_heads_do_not_crowd_out_real_ones() -> None:
    reader = HeadReader(remembered=8)
    for number in range(100):
        reader.read("GET", b"/?%d" % number, "1.1", [(b"host", b"h%d" % number)])
        assert len(reader._targets) <= 8
        assert len(reader._hosts) <= 8
    reader.read("GET", b"/v1/models", "1.1", [(b"host", b"real")])
    assert b"/v1/models" in reader._targets
    assert b"real" in reader._hosts
