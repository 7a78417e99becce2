import Flameback
import FlamebackCore
import FlamebackKernels

/// What is known of an operation beside its code: samples with their results, dtypes, failures.
///
/// Everything that must hold of an operation on every device is derived from it: see the `check` methods.
public struct OpRecord: Sendable, CustomStringConvertible {
  /// How complex dtypes are compared with a reference of real numbers.
  public enum ComplexReference: Sendable {
    /// On the real axis; gradient checks see to the rest.
    case realAxis
    /// The reference holds for the real and for the imaginary parts.
    case parts
  }

  /// How often it can be differentiated.
  public enum Order: Int, Sendable {
    /// Not at all: the result is no floating point number, or backward stops with a sentence.
    case none
    /// Nothing is promised at these samples.
    case unchecked
    case once, twice
  }

  /// A call that must be refused.
  public struct Failure: Sendable {
    /// How the sentence starts: `[op] what is wrong: float32 [2, 3]`.
    public let sentence: String
    public let run: @Sendable () -> [Tensor]

    public init(_ sentence: String, _ run: @escaping @Sendable () -> [Tensor]) {
      self.sentence = sentence
      self.run = run
    }
  }

  public let name: String
  /// The names of the primitives that its samples must run, forward or backward.
  public var covers: [String]
  public var dtypes: [DType]
  /// Dtypes that it takes, with another meaning than the reference has.
  var excluded: Set<DType> = []
  public var samples: [OpSample]
  public var order = Order.twice
  public var complex = ComplexReference.realAxis
  /// Times the usual tolerance of the dtype.
  public var tolerance = 1.0
  /// Whether the other dtypes are refused with `[op] not defined for …`.
  public var refusesOthers = false
  /// Whether the function is smooth where elements are equal.
  public var canRepeat = true
  /// Whether the result is that of the memory, not of the values: no other layouts then.
  public var dependsOnLayout = false
  /// How many outputs of the primitives have meaning; what follows is a kernel's own note for its gradient.
  public var meaningfulOutputs = Int.max
  public var failures: [Failure] = []

  public init(_ name: String, covers: [String]? = nil, _ dtypes: [DType], samples: [OpSample]) {
    self.name = name
    self.covers = covers ?? [name]
    self.dtypes = dtypes
    self.samples = samples
  }

  public var description: String { name }

  /// The record with some properties set.
  func with(_ change: (inout OpRecord) -> Void) -> OpRecord {
    var record = self
    change(&record)
    return record
  }

  /// Every record of the package.
  public static let all: [OpRecord] =
    pointwise + special + reductions + ordering + products + linalg + transforms + recurrent + views + indexing
    + spatial + neural
}

/// What is wrong with an operation.
public struct OpCheckError: Error, CustomStringConvertible {
  public let description: String
}

extension [DType] {
  static let floating: [DType] = [.float16, .bfloat16, .float32, .float64]
  static let complex: [DType] = [.complex64, .complex128]
  static let integers: [DType] = [.uint8, .int8, .int16, .int32, .int64]
  static let signed: [DType] = [.int8, .int16, .int32, .int64] + floating + complex
  static let discrete: [DType] = [.bool] + integers
  static let real: [DType] = discrete + floating
  static let differentiable: [DType] = floating + complex
  static let numeric: [DType] = integers + floating + complex
  static let all: [DType] = real + complex
  static let unsigned: [DType] = [.uint16, .uint32, .uint64]
  static let float8: [DType] = [.float8E4M3FN, .float8E5M2]
  /// What moves elements takes every dtype.
  static let every: [DType] = all + unsigned + float8 + [.complex32]
}

extension OpRecord {
  /// The record with the seldom dtypes beside those of the same kind: elementwise functions take them all.
  var withSeldomDTypes: OpRecord {
    with {
      if $0.dtypes.contains(.uint8) { $0.dtypes += .unsigned }
      if $0.dtypes.contains(.float16) { $0.dtypes += .float8 }
      if $0.dtypes.contains(.complex64) { $0.dtypes += [.complex32] }
      $0.dtypes.removeAll { excluded.contains($0) }
    }
  }
}
