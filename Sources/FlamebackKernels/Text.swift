#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A number as C's printf writes it: `%.*f` or `%.*e`. Foundation's formats would cost every program 6 ms at its start.
package func printed(_ value: Double, _ precision: Int, scientific: Bool = false) -> String {
  if value.isNaN { return "nan" }
  if value.isInfinite { return value < 0 ? "-inf" : "inf" }
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 352 + precision) { buffer in
    _ = withVaList([Int32(precision), value]) {
      vsnprintf(buffer.baseAddress!, buffer.count, scientific ? "%.*e" : "%.*f", $0)
    }
    return String(cString: buffer.baseAddress!)
  }
}

extension String {
  /// The text at the right end of `width` characters, at least.
  package func aligned(right width: Int, filledWith character: Character = " ") -> String {
    String(repeating: character, count: max(0, width - count)) + self
  }

  /// The text at the left end of `width` characters, at least.
  package func aligned(left width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

extension StringProtocol {
  /// The text without the characters at both ends that `drops` names: white space.
  package func trimmed(_ drops: (Character) -> Bool = \.isWhitespace) -> String {
    var rest = drop(while: drops)
    while let last = rest.last, drops(last) { rest.removeLast() }
    return String(rest)
  }
}
