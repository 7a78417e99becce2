import FlamebackFiles
import FlamebackKernels
import FlamebackText
import Foundation
import Testing

@Suite struct TokenizerTests {
  static let names = [
    "wordpiece", "bytelevel", "llama3", "o200k", "bytefallback", "suffix", "unigram", "unigram-first", "wordlevel",
  ]

  /// Ids, places and decoded texts are those of Hugging Face's tokenizers, hostile texts included.
  @Test(arguments: names)
  func asTheReference(_ name: String) throws {
    let tokenizer = try Tokenizer(contentsOf: fixture("\(name).json"))
    let expected = try JSON(contentsOf: fixture("\(name).cases.json"))
    let cases = try #require(expected["cases"]?.array)
    #expect(cases.count > 50)
    for item in cases {
      let text = try #require(item["text"]?.string)
      let encoding = try tokenizer.encode(text)
      #expect(encoding.ids == item["ids"]?.ints, "\(text.debugDescription)")
      // Marks that a normal form sorts and joins have other places there.
      let marks = text.unicodeScalars.map { (0x300...0x36F).contains($0.value) }
      let isStacked = zip(marks, marks.dropFirst()).contains { $0 && $1 } || text.unicodeScalars.first?.value == 0x1E9B
      if !isStacked {
        let offsets = item["offsets"]?.array?.map(\.ints)
        #expect(encoding.offsets.map { [$0.lowerBound, $0.upperBound] } == offsets, "\(text.debugDescription)")
      }
      let decoded = tokenizer.decode(encoding.ids)
      #expect(decoded.unicodeScalars.elementsEqual(item["decoded"]?.string?.unicodeScalars ?? "?".unicodeScalars))
    }
    let pair = try tokenizer.encode("The quick fox", "jumps over the lazy dog.")
    #expect(pair.ids == expected["pair"]?["ids"]?.ints)
    #expect(pair.typeIDs == expected["pair"]?["types"]?.ints)
    #expect(pair.specialTokensMask == expected["pair"]?["special"]?.ints)
    #expect(pair.attentionMask == expected["pair"]?["attention"]?.ints)
  }

  @Test func batchesAreMadeEquallyLong() throws {
    var tokenizer = try Tokenizer(contentsOf: fixture("wordpiece.json"))
    tokenizer.padding = Padding(padToMultipleOf: 4, id: 0)
    let batch = try tokenizer.encode(["hello", "the quick brown fox jumps"])
    #expect(batch[0].count == batch[1].count && batch[0].count % 4 == 0)
    let real = batch[0].attentionMask.reduce(0, +)
    #expect(batch[0].ids[real...].allSatisfy { $0 == 0 } && batch[0].ids[real - 1] == 3)
    tokenizer.padding = nil
    tokenizer.truncation = Truncation(maxLength: 4)
    let cut = try tokenizer.encode("the quick brown fox jumps")
    #expect(cut.count == 4 && cut.ids.first == 2 && cut.ids.last == 3)
    tokenizer.truncation = Truncation(maxLength: 1)
    #expect(throws: TokenizerError.self) { try tokenizer.encode("the quick brown fox") }
    #expect(tokenizer.id(of: "[SEP]") == 3 && tokenizer.token(of: 3) == "[SEP]" && tokenizer.token(of: 99_999) == nil)
  }

  /// A pair is cut as Hugging Face's library does: the longer text first, then both.
  @Test(arguments: [(10, 3, 3, 4), (8, 3, 2, 3), (6, 3, 1, 2), (5, 3, 1, 1)])
  func pairsAreCut(_ length: Int, _ special: Int, _ first: Int, _ second: Int) throws {
    var tokenizer = try Tokenizer(contentsOf: fixture("wordpiece.json"))
    tokenizer.truncation = Truncation(maxLength: length)
    // Three and nine single characters.
    let encoding = try tokenizer.encode("1 2 3", "1 2 3 1 2 3 1 2 3")
    let cut = encoding.ids.split(separator: 3)
    #expect(encoding.count == length && cut.count == 2)
    #expect(cut[0].count - 1 == first && cut[1].count == second)
  }

  private func error(_ changes: [String: JSON]) throws -> FileError? {
    var json = try #require(JSON(contentsOf: fixture("wordpiece.json")).object)
    for (key, value) in changes { json[key] = value }
    do {
      _ = try Tokenizer(json: .object(json), path: "x.json")
      return nil
    } catch { return error }
  }

  @Test func unknownComponentsAreNamedWithTheirPlace() throws {
    let sequence: JSON = ["type": "Sequence", "normalizers": [["type": "NFC"], ["type": "Foo"]]]
    #expect(
      try error(["normalizer": sequence])?.description
        == "[x.json] normalizer.normalizers[1]: an unknown normalizer: 'Foo'")
    #expect(
      try error(["pre_tokenizer": ["type": "UnicodeScripts"]])?.description
        == "[x.json] pre_tokenizer: an unknown pre-tokenizer: 'UnicodeScripts'")
    #expect(try error(["model": ["type": "Bar"]])?.place == "model")
    #expect(try error(["decoder": ["type": "Baz"]])?.message == "an unknown decoder: 'Baz'")
    #expect(try error(["post_processor": ["type": "Qux"]])?.message == "an unknown post-processor: 'Qux'")
    #expect(try error(["padding": ["strategy": ["Fixed": 4_000_000_000]]]) != nil)
    #expect(try error(["model": ["type": "BPE", "vocab": ["a": 0], "merges": ["a b"]]])?.place == "model.merges")
    #expect(try error(["model": ["type": "BPE", "vocab": ["a": -1], "merges": []]])?.place == "model.vocab.a")
    #expect(try error(["model": ["type": "Unigram", "unk_id": 5, "vocab": [["a", 0.5]]]])?.place == "model.unk_id")
    let broken: JSON = ["type": "Split", "pattern": ["Regex": "(a"], "behavior": "Isolated"]
    #expect(try error(["pre_tokenizer": broken])?.place == "pre_tokenizer.pattern")
    #expect(try error([:]) == nil)
  }

  /// Files that are damaged in any place are read or refused; texts of any kind are encoded or refused.
  @Test(arguments: names)
  func damagedFiles(_ name: String) throws {
    let bytes = try FileBytes(mapping: fixture("\(name).json")).array
    var random = GeneratorState(seed: 5)
    func below(_ n: Int) -> Int { Int(random.random32()) % max(n, 1) }
    for _ in 0..<150 {
      var damaged = bytes
      for _ in 0...below(4) {
        let at = below(damaged.count)
        switch below(3) {
        case 0: damaged[at] = UInt8(below(256))
        case 1: damaged.replaceSubrange(at..<min(at + below(30), damaged.count), with: Array("-1".utf8))
        default: damaged.removeSubrange(at..<min(at + below(5), damaged.count))
        }
      }
      let memory = FileBytes(damaged)
      guard let json = try? JSON(parsing: memory.bytes), let tokenizer = try? Tokenizer(json: json) else { continue }
      if let encoding = try? tokenizer.encode("Hello, wörld 123 \u{1F600} [CLS]") { _ = tokenizer.decode(encoding.ids) }
    }
  }

  @Test func longTextsTakeLinearTime() throws {
    let text = String(repeating: "x\u{301}", count: 20_000) + String(repeating: "a", count: 50_000)
    for name in Self.names {
      var tokenizer = try Tokenizer(contentsOf: fixture("\(name).json"))
      tokenizer.truncation = nil
      let start = ContinuousClock.now
      _ = try tokenizer.encode(text)
      #expect(ContinuousClock.now - start < .seconds(30), "\(name)")
    }
  }

  @Test func scannersAgreeWithTheirExpressions() throws {
    let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    func newer(_ n: String) -> String {
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + n
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }
    let alphabet = Array("aZé1²9 \t\n\r'\u{17F}sSlLtT.,!東\u{301}\u{A0}\u{85}\u{B}😀".unicodeScalars)
    var random = GeneratorState(seed: 1)
    for regex in [gpt2, newer(#"\p{N}{1,3}"#), newer(#"\p{N}"#), newer(#"\p{N}+"#)] {
      let scanner = try TextPattern(regex: regex)
      let expression = try TextPattern(regex: "(?:\(regex))")  // not known by that text: goes to Oniguruma
      for _ in 0..<2000 {
        let text = (0..<Int(random.random32() % 14)).map { _ in alphabet[Int(random.random32()) % alphabet.count] }
        #expect(scanner.matches(in: text) == expression.matches(in: text), "\(text) \(regex)")
      }
    }
  }

  @Test func sentencePiecesTableOfReplacements() {
    // A double array with the keys "A" -> "a" and "é" -> "e": root, then bytes.
    var units = [UInt32](repeating: 0, count: 1024)
    func leaf(_ value: UInt32) -> UInt32 { value | 1 << 31 }
    // offset o of a node: its child for byte c is at o ^ c; bit 8 says that o itself is a value.
    units[0] = 256 << 10
    units[256 ^ 0x41] = 512 << 10 | 1 << 8 | 0x41
    units[(256 ^ 0x41) ^ 512] = leaf(0)
    units[256 ^ 0xC3] = 600 << 10 | 0xC3
    let e = (256 ^ 0xC3) ^ 600 ^ 0xA9
    units[e] = 700 << 10 | 1 << 8 | 0xA9
    units[e ^ 700] = leaf(2)
    var charsmap = [UInt8](withUnsafeBytes(of: UInt32(units.count * 4).littleEndian) { Array($0) })
    for unit in units { charsmap += withUnsafeBytes(of: unit.littleEndian) { Array($0) } }
    charsmap += Array("a\0e\0".utf8)
    let normalizer = PrecompiledNormalizer(charsmap: charsmap)
    var text = AlignedText("xAé€")
    normalizer?.normalize(&text)
    #expect(text.string == "xae€")
    #expect(PrecompiledNormalizer(charsmap: [1, 2]) == nil)
    // Cut or damaged tables give some text or none, never a trap.
    for cut in stride(from: 0, to: charsmap.count, by: 101) {
      var text = AlignedText("xAé€")
      PrecompiledNormalizer(charsmap: Array(charsmap[..<cut]))?.normalize(&text)
      var damaged = charsmap
      damaged[cut] ^= 0xFF
      PrecompiledNormalizer(charsmap: damaged)?.normalize(&text)
    }
  }
}
