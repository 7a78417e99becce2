import ArgumentParser
import Flameback
import FlamebackFiles
import FlamebackText
import FoundationEssentials
import Glibc

/// Texts for `embed` and `tokenize`: on the command line, in a file, or from the standard input.
struct TextOptions: ParsableArguments {
  @Argument(help: "The texts; without any, the lines of --input or of the standard input.")
  var texts: [String] = []
  @Option(help: "A file with one text a line.")
  var input: String?

  func load() throws -> [String] {
    if !texts.isEmpty { return texts }
    let bytes = if let input { try FileBytes(mapping: input).array } else { Self.standardInput() }
    var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    return lines.map { $0.hasSuffix("\r") ? String($0.dropLast()) : String($0) }
  }

  private static func standardInput() -> [UInt8] {
    var result: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let n = read(STDIN_FILENO, &piece, piece.count)
      if n < 0 && errno == EINTR { continue }
      if n <= 0 { return result }
      result += piece[..<n]
    }
  }
}

/// A model's name, and the files that it leads to.
struct PretrainedOptions: ParsableArguments {
  @Option(help: "A folder, or a repository of the Hugging Face hub: org/name.")
  var model: String
  @Option(help: "The repository's branch, tag or commit.")
  var revision = "main"

  func folder() throws -> String {
    let bars = Bars()
    defer { bars.finish() }
    return try Pretrained.folder(model, revision: revision) { name, done, total in bars.show(name, done, total) }
  }

  /// One bar a file; the callbacks come one after the other.
  private final class Bars: @unchecked Sendable {
    private var current: (name: String, bar: ProgressBar)?
    func show(_ name: String, _ done: Int, _ total: Int?) {
      if current?.name != name {
        finish()
        current = (name, ProgressBar(total: total, label: name, unit: "B"))
      }
      current?.bar.update(done)
    }
    func finish() {
      current?.bar.finish()
      current = nil
    }
  }
}

/// `flameback embed --model DIR "a text" …`
struct Embed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn texts into vectors with a sentence-transformers model.",
    discussion: "Prints one line of JSON a text, or writes all vectors to --output (.npy, .safetensors).")

  @OptionGroup var pretrained: PretrainedOptions
  @OptionGroup var source: TextOptions
  @Option(help: "Texts computed at once.")
  var batchSize = 32
  @Option(help: "Write the vectors to this file.")
  var output: String?
  @Flag(help: "Print how alike the texts are instead: the cosines of all pairs.")
  var similarity = false
  @Option(help: "Threads that compute (default: all cores).")
  var threads: Int?
  @Flag(help: "Print texts per second, the best of five runs in calls of --batch-size texts, instead of the vectors.")
  var time = false

  func validate() throws {
    if batchSize < 1 { throw ValidationError("--batch-size must be at least 1, got \(batchSize)") }
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1, got \(threads)") }
  }

  func run() throws {
    if let threads { setNumThreads(threads) }
    let folder = try pretrained.folder()
    let texts = try source.load()
    let model: SentenceTransformer
    do { model = try SentenceTransformer.load(folder) } catch {
      throw error as? FileError ?? FileError(path: folder, "\(error)")
    }
    if time { return try measure(model, texts) }
    let vectors = try model.encode(texts, batchSize: batchSize)
    if let output {
      try TensorFile.write([("embeddings", TensorFile.raw(vectors))], to: output)
      say("\(texts.count) vectors of \(vectors.shape[1]) numbers in \(output)")
    } else if similarity {
      let unit = vectors.normalize(dim: 1)
      let cosines = unit.matmul(unit.transpose(0, 1)).scalars(Float.self)
      for i in texts.indices {
        let row = texts.indices.map { printed(Double(cosines[i * texts.count + $0]), 4).aligned(right: 7) }
        say("\(row.joined(separator: " "))  \(texts[i])")
      }
    } else {
      let values = vectors.scalars(Float.self)
      let width = vectors.shape[1]
      for (i, text) in texts.enumerated() {
        let vector = values[(i * width)..<((i + 1) * width)].map { "\($0)" }.joined(separator: ",")
        say("{\"text\":\(JSON.string(text).text()),\"embedding\":[\(vector)]}")
      }
    }
  }

  private func measure(_ model: SentenceTransformer, _ texts: [String]) throws {
    var best = Double.infinity
    for _ in 0..<5 {
      let start = Date()
      for first in stride(from: 0, to: texts.count, by: batchSize) {
        _ = try model.encode(Array(texts[first..<min(first + batchSize, texts.count)]), batchSize: batchSize)
      }
      best = min(best, Date().timeIntervalSince(start))
    }
    say("\(printed(Double(texts.count) / best, 1)) texts/s, batch \(batchSize), \(numThreads()) threads")
  }
}

/// `flameback tokenize --model DIR "a text" …`
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the tokens of texts.", discussion: "Prints one line of JSON a text: its ids and its tokens.")

  @OptionGroup var pretrained: PretrainedOptions
  @OptionGroup var source: TextOptions
  @Flag(help: "The texts are token ids, to be turned into text.")
  var decode = false

  func run() throws {
    let path = pretrained.model
    let tokenizer =
      path.hasSuffix(".json")
      ? try Tokenizer(contentsOf: path) : try Tokenizer.fromPretrained(path, revision: pretrained.revision)
    for text in try source.load() {
      if decode {
        let words = text.split { !($0.isNumber || $0 == "-") }
        let ids = words.compactMap { Int($0) }
        guard ids.count == words.count else { throw ValidationError("not a list of token ids: \(text)") }
        say(tokenizer.decode(ids))
        continue
      }
      let encoding = try tokenizer.encode(text)
      let line: JSON = [
        "ids": .array(encoding.ids.map { .int($0) }), "tokens": .array(encoding.tokens.map { .string($0) }),
      ]
      say(line.text())
    }
  }
}
