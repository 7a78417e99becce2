import FlamebackKernels

/// A whole number that remembers an overflow instead of trapping: for sizes computed from what a caller asks for.
///
///     let size = try sized("pad") { CheckedInt(shape[d]) + before + after }
package struct CheckedInt: ExpressibleByIntegerLiteral {
  /// Nil once a result did not fit.
  package let value: Int?

  package init(_ value: Int?) { self.value = value }
  package init(integerLiteral value: Int) { self.value = value }

  private static func joined(
    _ a: CheckedInt, _ b: CheckedInt, _ operation: (Int) -> (Int) -> (partialValue: Int, overflow: Bool)
  ) -> CheckedInt {
    guard let x = a.value, let y = b.value else { return CheckedInt(nil) }
    let (result, overflow) = operation(x)(y)
    return CheckedInt(overflow ? nil : result)
  }

  package static func + (a: CheckedInt, b: CheckedInt) -> CheckedInt { joined(a, b, Int.addingReportingOverflow) }
  package static func - (a: CheckedInt, b: CheckedInt) -> CheckedInt { joined(a, b, Int.subtractingReportingOverflow) }
  package static func * (a: CheckedInt, b: CheckedInt) -> CheckedInt { joined(a, b, Int.multipliedReportingOverflow) }
  package static func / (a: CheckedInt, b: CheckedInt) -> CheckedInt { joined(a, b, Int.dividedReportingOverflow) }
  package static func + (a: CheckedInt, b: Int) -> CheckedInt { a + CheckedInt(b) }
  package static func - (a: CheckedInt, b: Int) -> CheckedInt { a - CheckedInt(b) }
  package static func * (a: CheckedInt, b: Int) -> CheckedInt { a * CheckedInt(b) }
  package static func / (a: CheckedInt, b: Int) -> CheckedInt { a / CheckedInt(b) }

  /// The product of all sizes.
  package static func product(_ sizes: some Sequence<Int>) -> CheckedInt { sizes.reduce(1) { $0 * $1 } }
  /// The sum of all sizes.
  package static func sum(_ sizes: some Sequence<Int>) -> CheckedInt { sizes.reduce(0) { $0 + $1 } }
}

/// The size that `formula` gives; throws where no tensor can have as many elements.
package func sized(_ op: String, _ formula: () -> CheckedInt) throws(OpError) -> Int {
  guard let value = formula().value else { throw OpError(op, "the result would have too many elements") }
  return value
}

extension Shape {
  /// Throws unless a tensor can have these sizes: then no product of some of them overflows.
  func checkSizes(_ op: String) throws(OpError) {
    guard let count = checkedElementCount, count < Int.max / 16 else {
      throw OpError(op, "a tensor of shape \(self) has too many elements")
    }
  }
}

extension Shape {
  /// Throws unless positions in a tensor of this shape are whole numbers, though nobody could store all of it.
  package func checkExtent(_ op: String) throws(OpError) {
    guard checkedElementCount != nil else { throw OpError(op, "a tensor of shape \(self) has too many elements") }
  }
}

extension TensorSpec {
  /// Throws where there is no memory for such a tensor on the host: before anything else is made of its size.
  package func checkMemory(_ op: String) throws(OpError) {
    try shape.checkSizes(op)
    let byteCount = shape.elementCount * dtype.byteSize
    guard CachingAllocator.host.allows(byteCount) else {
      throw OpError(op, "out of memory: cannot allocate \(byteCount) bytes on cpu for \(self)")
    }
  }
}
