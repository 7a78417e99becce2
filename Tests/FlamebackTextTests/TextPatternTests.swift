import Foundation
import Testing

@testable import FlamebackText

@Suite struct TextPatternTests {
  private func matches(_ regex: String, _ text: String) throws -> [String] {
    let scalars = Array(text.unicodeScalars)
    return try TextPattern(regex: regex).matches(in: scalars).map { range in
      var match = ""
      match.unicodeScalars.append(contentsOf: scalars[range])
      return match
    }
  }

  @Test func expressionsMeanWhatTheReferenceMeans() throws {
    #expect(try matches(#"\h+"#, "xyzFf09") == ["Ff09"])
    #expect(try matches(#"[\h-]+"#, "q-a1-q") == ["-a1-"])
    #expect(try matches(#"\s+"#, "a\u{85}\u{B}\u{2003}b") == ["\u{85}\u{B}\u{2003}"])
    #expect(try matches(#"(?<=a)b|(?i:É)|\x{1F600}|\p{Han}++"#, "ab b é 😀 東京") == ["b", "é", "😀", "東京"])
    #expect(try matches(#"[\p{L}&&[^a]]+"#, "abcab") == ["bc", "b"])
  }

  @Test func placesCountScalars() throws {
    let scalars = Array("😀é\u{301}東a9".unicodeScalars)
    #expect(try TextPattern(regex: "[a-z]|\u{301}").matches(in: scalars) == [2..<3, 4..<5])
    #expect(try TextPattern(regex: "9").matches(in: scalars) == [5..<6])
  }

  @Test func emptyMatchesAreLeftOut() throws {
    #expect(try matches("x*", "éxx東x") == ["xx", "x"])
    #expect(try matches("", "ab").isEmpty)
    #expect(try matches("$|^", "").isEmpty)
  }

  @Test func refusedExpressionsSayWhy() {
    #expect(throws: TokenizerError("end pattern with unmatched parenthesis")) { try TextPattern(regex: "(a") }
    #expect(throws: TokenizerError("invalid character property name {Lx}")) { try TextPattern(regex: #"\p{Lx}"#) }
    #expect(throws: TokenizerError.self) { try TextPattern(regex: String(repeating: "(", count: 100_000)) }
  }

  /// Ten million tries, Oniguruma's limit, are not enough for this one.
  @Test func slowExpressionsAreNotGivenUp() throws {
    #expect(try matches("(?:a|aa)+$|b", String(repeating: "a", count: 32) + "b") == ["b"])
  }

  @Test func manyThreadsSearchAtOnce() async throws {
    let pattern = try TextPattern(regex: #"\p{L}+|\d{1,3}"#)
    let scalars = Array(String(repeating: "één 12345 東京 ", count: 500).unicodeScalars)
    let expected = pattern.matches(in: scalars)
    #expect(expected.count == 2000)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<16 { group.addTask { pattern.matches(in: scalars) == expected } }
      for await isEqual in group { #expect(isEqual) }
    }
  }
}

@Suite struct UnicodeFormTests {
  private func normalized(_ text: String, _ form: UnicodeForm) -> [UInt32] {
    var aligned = AlignedText(text)
    aligned.normalize(form)
    return aligned.scalars.map(\.value)
  }

  /// Every character that the reference's tables know, but for ideographs and syllables that go by rule.
  @Test func charactersHaveFoundationsForms() {
    for value in [0...0x33FF, 0xA000...0xABFF, 0xD780...0x1FFFF, 0x2F800...0x2FA1F as ClosedRange<UInt32>].joined() {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = String(Character(scalar))
      if !scalar.isKnown(inVersion: 9) {
        #expect(UnicodeForm.allCases.allSatisfy { normalized(text, $0) == [value] })
        continue
      }
      let same =
        normalized(text, .nfc) == text.precomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
        && normalized(text, .nfd) == text.decomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
        && normalized(text, .nfkc) == text.precomposedStringWithCompatibilityMapping.unicodeScalars.map(\.value)
        && normalized(text, .nfkd) == text.decomposedStringWithCompatibilityMapping.unicodeScalars.map(\.value)
      #expect(same, "\(String(value, radix: 16))")
    }
  }

  @Test func marksAndHangulCompose() {
    #expect(normalized("A\u{302}\u{323}", .nfc) == [0x1EAC])  // ordered first
    #expect(normalized("\u{1100}\u{1161}\u{11A8}", .nfc) == [0xAC01])
    #expect(normalized("\u{AC00}\u{11A8}", .nfc) == [0xAC01])
    #expect(normalized("\u{AC00}\u{11A7}", .nfc) == [0xAC00, 0x11A7])  // no trailing letter
    #expect(normalized("\u{1113}\u{1161}", .nfc) == [0x1113, 0x1161])  // an old letter
    #expect(normalized("\u{958}", .nfc) == [0x915, 0x93C])  // excluded from composition
    #expect(normalized("\u{FB01}", .nfkc) == [0x66, 0x69])
    #expect(normalized("\u{FDFA}", .nfkd).count == 18)
    #expect(normalized("\u{11F09}\u{342}", .nfc) == [0x11F09, 0x342])
  }
}
