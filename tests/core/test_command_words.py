import pytest

from penstock.core.command_words import masked_words, secret_words


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["vllm", "serve", "--api-key", "sk-1", "--port", "1"], ["vllm", "serve", "--api-key", "*", "--port", "1"]),
        (["x", "--api-key=sk-1", "--hf_token=hf", "-token", "t"], ["x", "--api-key=*", "--hf_token=*", "-token", "*"]),
        (["env", "HF_TOKEN=hf_1", "MODE=a", "x"], ["env", "HF_TOKEN=*", "MODE=a", "x"]),
        (["sh", "-c", "A=1 vllm --api-key 'sk-1' --port 1"], ["sh", "-c", "A=1 vllm --api-key '*' --port 1"]),
        (["x", "--max-tokens", "5", "--tokenizer", "t", "--ssl-keyfile", "k"], None),
        (["x", "--api-key", "--port", "1", "monkey=1", "--key-file=a"], None),
        (["x", "--api-key", ""], None),
        ([], None),
    ],
)
def test_what_an_option_calls_a_secret_is_masked_and_nothing_else(words: list[str], shown: list[str] | None) -> None:
    assert masked_words(words, "*") == (words if shown is None else shown)


def test_what_is_secret_is_known_by_itself() -> None:
    words = ["env", "HF_TOKEN=hf_1", "sh", "-c", "A_KEY='k 1' x --secret s", "--api-key", "sk-1", "--max-tokens", "5"]
    assert secret_words(words) == ["hf_1", "k", "s", "sk-1"]
