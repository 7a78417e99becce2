import FlamebackKernels
import Foundation
import Testing

@Suite struct TextTests {
  @Test func numbersAreWrittenAsPrintfDoes() {
    let values = [
      0, -0.0, 0.5, 1.5, 2.5, 0.125, -0.004, 0.995, 9.995, .leastNonzeroMagnitude, 123_456.789, -1e15,
      .greatestFiniteMagnitude,
      .infinity, -.infinity, .nan,
    ]
    for value in values {
      for precision in [0, 1, 2, 4, 8, 40] {
        #expect(printed(value, precision) == String(format: "%.\(precision)f", value))
        #expect(printed(value, precision, scientific: true) == String(format: "%.\(precision)e", value))
      }
    }
  }

  @Test func textsAreFilledUpToAWidth() {
    #expect("7".aligned(right: 3) == "  7")
    #expect("ff".aligned(right: 4, filledWith: "0") == "00ff")
    #expect("é東".aligned(left: 4) == "é東  ")
    #expect("long".aligned(right: 2) == "long")
    #expect("long".aligned(left: 2) == "long")
  }

  @Test func bothEndsAreTrimmed() {
    #expect(" \t a b\u{A0}\r\n".trimmed() == "a b")
    #expect("  ".trimmed().isEmpty && "".trimmed().isEmpty)
    #expect("\"a\"b\"\"".trimmed { $0 == "\"" } == "a\"b")
    #expect("x: y "[...].dropFirst(2).trimmed() == "y")
  }
}
