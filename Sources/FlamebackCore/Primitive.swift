import FlamebackKernels

/// An operation that is not composed of others: shape rule, kernel, gradient.
///
/// One definition serves eager execution, autograd, graph capture and export.
public protocol Primitive: Sendable {
  /// Appears in errors, graphs and profiles; never changed once published.
  static var name: String { get }
  /// What names this instance where one type serves many operations.
  var name: String { get }
  /// The specs of the outputs; a pure function of the inputs' specs.
  func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec]
  /// How many outputs there are: so many stand-ins are returned where `infer` refuses the inputs.
  var outputCount: Int { get }
  /// Computes on the host. Inputs are contiguous unless `acceptsStrides`; outputs always are.
  func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError)
  /// How gradients flow back. There is no default: no gradient is silently missing.
  var gradient: Gradient { get }
  /// The same from smaller operations, for devices without the kernel.
  func decomposed(_ inputs: [Tensor]) -> [Tensor]?
  /// Whether the results are the only input's memory seen differently, and how. Then nothing else runs.
  func aliases(of layout: Layout, _ dtype: DType) throws(OpError) -> Aliases
  var acceptsStrides: Bool { get }
  /// The seldom dtypes that it takes beside the common ones: a kernel is not called with any other.
  var families: DType.Family { get }
  /// Inputs over which the kernel may write a result: the output of the same number if there are several, else the only
  /// one, where both are contiguous and of one dtype and shape.
  var donates: Kept { get }
  /// The device that the results lie on, for operations that choose it themselves: those without inputs, and moves.
  var destination: Device? { get }
  /// What `autocast` does with the inputs.
  var autocast: AutocastRule { get }
  /// Whether it draws random numbers: a graph runs it every time and in its place, even if nobody reads the result.
  var isRandom: Bool { get }
  /// What a graph prints beside the name.
  var attributes: [(String, String)] { get }
}

extension Primitive {
  public var name: String { Self.name }
  public var outputCount: Int { 1 }
  public func decomposed(_ inputs: [Tensor]) -> [Tensor]? { nil }
  public func aliases(of layout: Layout, _ dtype: DType) throws(OpError) -> Aliases { .none }
  public var acceptsStrides: Bool { false }
  public var families: DType.Family { [] }
  public var donates: Kept { .nothing }
  public var destination: Device? { nil }
  public var autocast: AutocastRule { .unchanged }
  public var isRandom: Bool { false }
  public var attributes: [(String, String)] { [] }
}

extension Primitive {
  /// Throws for a dtype that few primitives take, and not this one.
  func accept(_ dtype: DType) throws(OpError) {
    let family = dtype.family
    guard family.isEmpty || families.isSuperset(of: family) else {
      throw OpError(name, "not defined for \(dtype): convert the tensor with to(_:) first")
    }
  }
}

/// The way in which results share the memory of an operation's only input.
public enum Aliases {
  /// They have memory of their own.
  case none
  /// The one result: its layout and dtype.
  case one(Layout, DType)
  /// Several results of the input's dtype.
  case several([Layout])
}

/// An operation whose result shares the input's memory. Only `layout`, `gradient` and a name are its own.
public protocol ViewPrimitive: Primitive {
  func layout(of input: Layout) throws(OpError) -> Layout
  /// The dtype of the result, where it differs from the input's.
  func viewDType(of dtype: DType) -> DType
}

extension ViewPrimitive {
  public var families: DType.Family { .all }
  public func viewDType(of dtype: DType) -> DType { dtype }

  public func aliases(of layout: Layout, _ dtype: DType) throws(OpError) -> Aliases {
    .one(try self.layout(of: layout), viewDType(of: dtype))
  }

  public func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
    let layout = try self.layout(of: Layout(inputs[0].shape))
    return [TensorSpec(shape: layout.shape, dtype: viewDType(of: inputs[0].dtype), device: inputs[0].device)]
  }

  public func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
    throw OpError(name, "is a view and has no kernel")
  }
}

/// The operations that are not composed of others, so that other targets can name them: a device's kernels, exporters, tests.
package enum Primitives {}

/// How gradients flow back through a primitive.
public enum Gradient: Sendable {
  /// From the gradients of the outputs (nil: not needed) to those of the inputs (nil: none), in tensor operations,
  /// so that it can be differentiated again.
  case pullback(keeps: Kept, @Sendable (_ cotangents: [Tensor?], _ saved: Saved) -> [Tensor?])
  /// Through the operations of `decomposed`.
  case ofDecomposition
  /// There is none; backward through the operation stops with this sentence.
  case none(because: String)
}

/// Which tensors backward needs again. Memory is the limit in training: keep the least.
public struct Kept: OptionSet, Sendable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let nothing: Kept = []
  /// All inputs.
  public static let inputs = Kept(rawValue: 0xFFFF_FFFF)
  /// All outputs.
  public static let outputs = Kept(rawValue: 0xFFFF_FFFF << 32)
  public static func input(_ i: Int) -> Kept { Kept(rawValue: 1 << UInt64(min(i, 31))) }
  public static func output(_ i: Int) -> Kept { Kept(rawValue: 1 << UInt64(32 + min(i, 31))) }

  func keepsInput(_ i: Int) -> Bool { rawValue & (1 << UInt64(min(i, 31))) != 0 }
  func keepsOutput(_ i: Int) -> Bool { rawValue & (1 << UInt64(32 + min(i, 31))) != 0 }
}

/// What a pullback may look at: kept tensors, the specs of all inputs, which gradients are wanted.
public struct Saved: Sendable {
  let node: GradNode
  let tensors: GradNode.SavedTensors

  /// The kept input `i`.
  public func input(_ i: Int) -> Tensor { tensors.input(i) }
  /// The kept output `i`.
  public func output(_ i: Int) -> Tensor { node.restored(tensors.output(i), i) }
  public func spec(_ i: Int) -> TensorSpec { node.inputSpecs[i] }
  public func outputSpec(_ i: Int) -> TensorSpec { node.outputSpecs[i] }
  public var inputCount: Int { node.inputSpecs.count }
  /// Whether the gradient of input `i` will be used.
  public func needs(_ i: Int) -> Bool { node.isWanted(i) }
}
