import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

@testable import FlamebackText

/// Damaged `tokenizer.json` files give errors, or tokenizers that work.
@Suite struct FuzzTests {
  /// For `FLAMEBACK_FUZZ_SECONDS` seconds (half a second by default).
  @Test func forAWhile() throws {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["FLAMEBACK_FUZZ_SECONDS"].flatMap(Double.init) ?? 0.5
    var generator = GeneratorState(seed: environment["FLAMEBACK_FUZZ_SEED"].flatMap(UInt64.init) ?? 12)
    func random(_ n: Int) -> Int { Int(generator.random32()) % max(n, 1) }
    let names = ["bytefallback", "bytelevel", "suffix", "unigram", "wordlevel", "wordpiece"]
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    let corpus = try names.map { [UInt8](try Data(contentsOf: folder.appendingPathComponent("\($0).json"))) }
    let words = [
      "null", "-1", "1e999", "\"\"", "[]", "{}", "true", "18446744073709551616", "\"type\"", "\u{1F600}", "[[[",
    ]
    let file = NSTemporaryDirectory() + "flameback-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: file) }
    // Whole files work: what follows is about the damage.
    for bytes in corpus {
      try Data(bytes).write(to: URL(fileURLWithPath: file))
      #expect(try !Tokenizer(contentsOf: file).encode("Hello, world").ids.isEmpty)
    }
    let start = Date()
    var (rounds, whole) = (0, 0)
    while Date().timeIntervalSince(start) < seconds {
      var bytes = corpus[random(corpus.count)]
      for _ in 0...random(3) {
        let at = random(bytes.count)
        switch random(5) {
        case 0: bytes[at] ^= 1 << UInt8(random(8))
        case 1:
          let word = Array(words[random(words.count)].utf8)
          bytes.replaceSubrange(at..<min(at + random(12), bytes.count), with: word)
        case 2: bytes.removeSubrange(at..<min(at + 1 + random(64), bytes.count))
        case 3:
          // A value in another one's place: after a colon up to the next comma.
          if let colon = bytes[at...].firstIndex(of: UInt8(ascii: ":")),
            let comma = bytes[colon...].firstIndex(of: UInt8(ascii: ","))
          {
            bytes.replaceSubrange((colon + 1)..<comma, with: Array(words[random(words.count)].utf8))
          }
        default: bytes.removeLast(random(bytes.count / 4))
        }
        if bytes.isEmpty { bytes = [0] }
      }
      try Data(bytes).write(to: URL(fileURLWithPath: file))
      if let tokenizer = try? Tokenizer(contentsOf: file) {
        if let encoding = try? tokenizer.encode("Hello, wörld! 123 \u{1F600} don't") {
          _ = tokenizer.decode(encoding.ids)
        }
        whole += 1
      }
      rounds += 1
    }
    #expect(rounds > whole, "damage goes unnoticed")
    print("\(rounds) damaged tokenizers, \(whole) still worked")
  }
}
