import Flameback
import FlamebackCore
import FlamebackKernels

/// One argument of a sample: how it looks and how its values are drawn, the same ones each time.
public struct SampleInput: Sendable {
  public enum Values: Sendable {
    /// Anywhere in the range; integers for integer dtypes.
    case uniform(ClosedRange<Double>)
    /// All different, a quarter apart, in random order.
    case distinct
    /// Whole numbers, whatever the dtype.
    case whole(ClosedRange<Int>)
    case given([Double])
  }

  public var shape: [Int]
  public var values: Values
  /// nil: the dtype under test.
  public var dtype: DType?
  /// Kinks: floating point values keep a distance from them, integers are never equal to them.
  public var avoiding: [Double]

  public init(_ shape: [Int], _ values: Values = .uniform(-2...2), dtype: DType? = nil, avoiding: [Double] = []) {
    self.shape = shape
    self.values = values
    self.dtype = dtype
    self.avoiding = avoiding
  }

  /// An input of indices below `limit`.
  public static func index(_ shape: [Int], below limit: Int) -> SampleInput {
    SampleInput(shape, .whole(0...(limit - 1)), dtype: .int64)
  }
  /// An input of these indices.
  public static func index(_ shape: [Int], _ values: [Int]) -> SampleInput {
    SampleInput(shape, .given(values.map(Double.init)), dtype: .int64)
  }
  /// A mask.
  public static func mask(_ shape: [Int]) -> SampleInput { SampleInput(shape, .whole(0...1), dtype: .bool) }

  var count: Int { shape.reduce(1, *) }

  /// The argument for `dtype`; of complex dtypes the imaginary part is 0 unless asked for.
  func tensor(_ tested: DType, seed: UInt64, imaginary: Bool = false) -> Tensor {
    let dtype = self.dtype ?? tested
    var random = CotangentGenerator(state: seed &* 7919 &+ UInt64(count))
    func unit() -> Double { (random.next() + 1) / 2 }
    var numbers: [Double]
    switch values {
    case .given(let given): numbers = given
    case .whole(let range):
      numbers = (0..<count).map { _ in Double(range.lowerBound) + (unit() * Double(range.count)).rounded(.down) }
    case .distinct:
      numbers = (0..<count).map { Double($0 - count / 2) * (dtype.category <= .integer ? 1 : 0.25) }
      for i in numbers.indices.reversed() { numbers.swapAt(i, Int(unit() * Double(i + 1))) }
    case .uniform(let range): numbers = (0..<count).map { _ in drawn(range, dtype, unit) }
    }
    if dtype == .bool { return Tensor(numbers.map { $0 != 0 }, shape: Shape(shape)) }
    let isUnsigned = dtype.integerLimits?.least == 0
    if isUnsigned { numbers = numbers.map { max($0, 0) } }
    if dtype.category == .integer {
      return Tensor(numbers.map { Int(exactly: $0) ?? 0 }, shape: Shape(shape), dtype: dtype)
    }
    guard dtype.isComplex else { return Tensor(numbers, shape: Shape(shape), dtype: dtype) }
    let parts = numbers.map { Complex($0, imaginary ? (unit() < 0.5 ? -1 : 1) * (0.2 + 0.4 * unit()) : 0) }
    return Tensor(parts, shape: Shape(shape), dtype: dtype)
  }

  private func drawn(_ range: ClosedRange<Double>, _ dtype: DType, _ unit: () -> Double) -> Double {
    if dtype == .bool { return unit() < 0.5 && !avoiding.contains(0) ? 0 : 1 }
    for _ in 0..<100 {
      if dtype.category == .integer {
        let low = max(range.lowerBound.rounded(.up), dtype.isSigned ? -100 : 0)
        let high = max(range.upperBound.rounded(.down), low)
        let value = low + (unit() * (high - low + 1)).rounded(.down)
        if !avoiding.contains(value) { return value }
      } else {
        let value = range.lowerBound + unit() * (range.upperBound - range.lowerBound)
        if !avoiding.contains(where: { abs($0 - value) < 0.05 }) { return value }
      }
    }
    return range.upperBound
  }
}

/// A call of an operation, with what it must give.
public struct OpSample: Sendable {
  public var inputs: [SampleInput]
  public var run: @Sendable ([Tensor]) -> [Tensor]
  /// From the inputs' values to the outputs'. Outputs beyond those it gives are not compared.
  public var reference: @Sendable ([PlainArray]) -> [PlainArray]
  /// Whether the outputs' shapes follow from the inputs' shapes, so that a traced graph fits other values.
  public var hasStaticShape: Bool

  public init(
    _ inputs: [SampleInput], staticShape: Bool = true, _ run: @escaping @Sendable ([Tensor]) -> [Tensor],
    reference: @escaping @Sendable ([PlainArray]) -> [PlainArray]
  ) {
    self.inputs = inputs
    hasStaticShape = staticShape
    self.run = run
    self.reference = reference
  }

  var count: Int { inputs.reduce(0) { $0 + $1.count } }
  /// Large ones are for the borders of blocks and threads, too slow for everything else.
  var isSmall: Bool { count <= 256 }

  func tensors(_ dtype: DType, seed: UInt64 = 1, imaginary: Bool = false) -> [Tensor] {
    inputs.enumerated().map { $1.tensor(dtype, seed: seed &+ UInt64($0) &* 101, imaginary: imaginary) }
  }
}
