"""Makes Tests/FlamebackTextTests/Fixtures: small tokenizers trained by Hugging Face's library and what it does with texts.

Needs tokenizers, torch and transformers; run it only to change the fixtures.
    python Scripts/make_text_fixtures.py [OUT [COUNT]]     # COUNT random texts a tokenizer (default 40)
"""
import json, os, random, sys, unicodedata
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

here = os.path.dirname(os.path.abspath(__file__))
out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "Tests", "FlamebackTextTests", "Fixtures")
count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
os.makedirs(out, exist_ok=True)
random.seed(0)

corpus = """The quick brown fox jumps over the lazy dog. Swift is a programming language; it's fast, isn't it? We'll see.
She sells sea shells by the sea shore: 1, 22, 333, 4444 of them, and 3.14159 more. Don't panic! HELLO World, hello world.
Café naïve coöperate façade résumé. Привет, мир! Как дела? 東京は日本の首都です。 안녕하세요 세계. مرحبا بالعالم. שלום עולם
नमस्ते दुनिया. Γειά σου Κόσμε. İstanbul'da ağaç. Tiếng Việt rất hay. 😀 👩‍👩‍👧‍👦 🇩🇪 ½ ² Ⅷ ﬁ ﬀ ㎏ ①.
def main(args: list[str]) -> int:\n    return sum(len(a) for a in args)  # tabs\tand\n\n\nlines\r\n""".split("\n") * 3

texts = [t for t in dict.fromkeys(corpus)] + [
    "", " ", "   ", "\n", " \t\n x", "a", "  two  spaces  ", "it's IT'S we'LL 'tis ''s 'ſ", "[CLS] inside [SEP] [MASK]text",
    "<s>x</s> <mask>", "x <mask>  y", "tokenword token wordtoken token", "e\u0301 \u0301 é", "\u1e9b\u0323", "ﷺ ﬃ", "각 \u1100\u1161\u11a8",
    "\u0000 \ufffd \u200b \ufeff \u00ad", "a" * 150, "word" * 40, "日本語テキスト", "12345678901234567890", "\r\n\r\n  \n x", "▁ ▁▁x", "Ġ Ċ",
    "\U0001F600\U0001F468\u200D\U0001F469", "\U0010FFFD\uE000", "x\u0300\u0301\u0302\u0303 \u0f71\u0f72\u0f74", "ΑΣ ΟΔΥΣΣΕΥΣ", "<0x41> <0xE2>"]


def random_text():
    """Text of characters that make trouble."""
    pools = [lambda: chr(random.randrange(32, 127)), lambda: random.choice(" \t\n\r\u00a0\u2003\u3000\u0085\u2028"),
             lambda: chr(random.randrange(0xC0, 0x250)), lambda: chr(random.randrange(0x300, 0x370)),
             lambda: chr(random.randrange(0x370, 0x530)), lambda: chr(random.randrange(0x590, 0x700)),
             lambda: chr(random.randrange(0x900, 0xE00)), lambda: chr(random.randrange(0x1100, 0x1200)),
             lambda: chr(random.randrange(0x1E00, 0x2070)), lambda: chr(random.randrange(0x3040, 0x3100)),
             lambda: chr(random.randrange(0x4E00, 0x9FFF)), lambda: chr(random.randrange(0xAC00, 0xD7A4)),
             lambda: chr(random.randrange(0xF900, 0xFFFE)), lambda: chr(random.randrange(0x1F300, 0x1F650)),
             lambda: random.choice("'.,!?-_()[]<>#@$%&*+=/\\|~`^\"0123456789"),
             lambda: random.choice(["[MASK]", "<mask>", "token", "'s", "'LL", " the", "ing", "##", "\u0301", "e\u0301"])]
    text = ""
    for _ in range(random.randrange(1, 6)):
        pool = random.choice(pools)
        for _ in range(random.randrange(1, 8)):
            character = pool()
            # The library's tables and Unicode 17 differ in characters that nobody uses yet.
            if all(unicodedata.category(c) not in ("Cn", "Cs") for c in character):
                text += character
    return text


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
o200k = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
made = {}

t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
t.normalizer = normalizers.BertNormalizer(lowercase=True)
t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
train(t, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False))
t.post_processor = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
t.decoder = decoders.WordPiece()
t.add_tokens([AddedToken("token", single_word=True), AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False)])
made["wordpiece"] = t

t = Tokenizer(models.BPE())
t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
train(t, trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>", "<mask>"], show_progress=False,
                             initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
t.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), add_prefix_space=False)
t.decoder = decoders.ByteLevel()
t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
made["bytelevel"] = t

for name, pattern in [("llama3", llama3), ("o200k", o200k)]:
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train(t, trainers.BpeTrainer(vocab_size=380, special_tokens=["<s>"], show_progress=False,
                                 initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])])
    t.decoder = decoders.ByteLevel()
    made[name] = t

t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
train(t, trainers.BpeTrainer(vocab_size=500, show_progress=False,
                             special_tokens=["<unk>", "<s>"] + [f"<0x{i:02X}>" for i in range(256)]))
t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
# The byte tokens are in the model's vocabulary alone, as in Llama 2.
j = json.loads(t.to_str())
j["added_tokens"] = [a for a in j["added_tokens"] if not a["content"].startswith("<0x")]
made["bytefallback"] = Tokenizer.from_str(json.dumps(j))

t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(), normalizers.Replace(Regex(r"\s+"), " ")])
t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
train(t, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False))
t.decoder = decoders.BPEDecoder()
made["suffix"] = t

for name, scheme, fallback in [("unigram", "always", False), ("unigram-first", "first", True)]:
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    train(t, trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "</s>", "<mask>"], unk_token="<unk>", show_progress=False))
    if fallback:
        j = json.loads(t.to_str())
        j["model"]["vocab"] += [[f"<0x{i:02X}>", -20.0] for i in range(256)]
        j["model"]["byte_fallback"] = True
        t = Tokenizer.from_str(json.dumps(j))
        t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=scheme)])
    else:
        t.decoder = decoders.Metaspace(prepend_scheme=scheme)
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    made[name] = t

t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous")])
train(t, trainers.WordLevelTrainer(vocab_size=100, special_tokens=["[UNK]", "[PAD]"], show_progress=False))
t.enable_truncation(8)
t.enable_padding(length=10, pad_id=1, pad_token="[PAD]", direction="left")
made["wordlevel"] = t

for name, t in made.items():
    t.save(os.path.join(out, f"{name}.json"), pretty=False)
    # Read back, as users do: the file says all.
    t = Tokenizer.from_file(os.path.join(out, f"{name}.json"))
    cases = []
    for text in texts + [random_text() for _ in range(count)]:
        e = t.encode(text)
        cases.append({"text": text, "ids": e.ids, "offsets": [list(o) for o in e.offsets], "decoded": t.decode(e.ids)})
    pair = t.encode("The quick fox", "jumps over the lazy dog.")
    data = {"cases": cases, "pair": {"ids": pair.ids, "types": pair.type_ids, "special": pair.special_tokens_mask,
                                     "attention": pair.attention_mask}}
    with open(os.path.join(out, f"{name}.cases.json"), "w") as f:
        json.dump(data, f, ensure_ascii=True, separators=(",", ":"))

# A tiny BERT with random weights, its outputs and a gradient; and as a sentence-transformers model.
import shutil
import torch
from transformers import BertConfig, BertModel

torch.manual_seed(0)
folder = os.path.join(out, "tiny-bert")
os.makedirs(os.path.join(folder, "1_Pooling"), exist_ok=True)
config = BertConfig(vocab_size=310, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                    max_position_embeddings=32, attn_implementation="eager")
model = BertModel(config)
with torch.no_grad():
    for p in model.parameters():  # far from the small values at the start, so that every part shows
        p.normal_(0, 0.3).add_(0.1)
model.eval()
model.save_pretrained(folder)
shutil.copy(os.path.join(out, "wordpiece.json"), os.path.join(folder, "tokenizer.json"))
for name, value in {
        "modules.json": [{"idx": i, "name": str(i), "path": p, "type": "sentence_transformers.models." + t}
                         for i, (p, t) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])],
        "sentence_bert_config.json": {"max_seq_length": 24, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
                                  "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}}.items():
    with open(os.path.join(folder, name), "w") as f:
        json.dump(value, f)
ids = torch.tensor([[2, 10, 11, 12, 3], [2, 20, 3, 0, 0]])
mask = (ids != 0).long()
types = torch.tensor([[0, 0, 0, 1, 1], [0, 1, 1, 0, 0]])
result = model(input_ids=ids, attention_mask=mask, token_type_ids=types)
(result.last_hidden_state * mask.unsqueeze(-1)).square().sum().backward()
t = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
sentences = ["The quick brown fox jumps.", "Hello", "", "Swift is a programming language; " * 5]
vectors = []
for s in sentences:
    e = torch.tensor([t.encode(s).ids])
    e = e if e.shape[1] <= 24 else torch.cat([e[:, :23], e[:, -1:]], 1)
    v = torch.nn.functional.normalize(model(e).last_hidden_state.mean(1), dim=1)
    vectors.append(v[0].tolist())
values = {"ids": ids, "mask": mask, "types": types, "hidden": result.last_hidden_state, "pooled": result.pooler_output,
          "gradient": model.encoder.layer[0].attention.self.query.weight.grad}
data = {k: v.detach().flatten().tolist() for k, v in values.items()} | {"sentences": sentences, "vectors": vectors,
                                                                         "keys": sorted(model.state_dict())}
with open(os.path.join(out, "tiny-bert.expected.json"), "w") as f:
    json.dump(data, f)
