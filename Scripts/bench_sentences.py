"""Sentences per second of MiniLM: PyTorch (transformers, sentence-transformers) against `flameback embed --time`.

    python Scripts/bench_sentences.py .build/release/flameback MODEL_FOLDER [THREADS]
Runs alternate; needs torch, transformers and sentence-transformers.
"""
import random, re, statistics, subprocess, sys, tempfile, time
import torch
import torch.nn.functional as F
from sentence_transformers import SentenceTransformer

tool, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2
torch.set_num_threads(threads)
random.seed(1)
words = ("the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you "
         "were all her she there would their we him been has when who will no more language model swift programming example sentence "
         "network gradient tensor weather football recipe history mountain river computer science music guitar economy").split()
texts = [" ".join(random.choice(words) for _ in range(random.randint(4, 28))).capitalize() + "." for _ in range(128)]
model = SentenceTransformer(folder, device="cpu")
bert = getattr(model[0], "auto_model", None) or model[0].model


@torch.inference_mode()
def plain(batch):
    e = model.tokenizer(batch, padding=True, truncation=True, max_length=256, return_tensors="pt")
    h, k = bert(**e).last_hidden_state, e["attention_mask"].unsqueeze(-1).float()
    return F.normalize((h * k).sum(1) / k.sum(1), dim=1)


def rate(body, size):
    best = 1e9
    for _ in range(5):
        start = time.perf_counter()
        for i in range(0, len(texts), size):
            body(texts[i:i + size])
        best = min(best, time.perf_counter() - start)
    return len(texts) / best


with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
    f.write("\n".join(texts))
    f.flush()
    for size in (1, 32):
        rows = []
        for _ in range(3):
            out = subprocess.run([tool, "embed", "--model", folder, "--input", f.name, "--time", "--batch-size", str(size),
                                  "--threads", str(threads)], capture_output=True, text=True, check=True).stdout
            rows.append((float(re.match(r"([\d.]+)", out)[1]), rate(plain, size),
                         rate(lambda b: model.encode(b, batch_size=32, show_progress_bar=False), size)))
        ours, transformers, st = (statistics.median(column) for column in zip(*rows))
        print(f"batch {size:2}, {threads} threads: flameback {ours:6.1f}/s, transformers {transformers:6.1f}/s (ratio {ours / transformers:.2f}), "
              f"sentence-transformers {st:6.1f}/s (ratio {ours / st:.2f})", flush=True)
