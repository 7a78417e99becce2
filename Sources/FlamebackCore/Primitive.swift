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
  /// If the result is the input's memory seen differently: how. Then nothing else runs.
  func view(of layout: Layout) throws(OpError) -> Layout?
  /// The same for operations with several results: split, unbind.
  func views(of layout: Layout) throws(OpError) -> [Layout]?
  /// The dtype of the view's result, where it differs.
  func viewDType(of dtype: DType) -> DType
  var acceptsStrides: Bool { get }
  /// Whether the kernel may write its result over a contiguous input of the same dtype and shape.
  var mayOverwrite: Bool { get }
  /// The inputs whose memory the result may take over once nobody needs them: contiguous, of its dtype and shape. The
  /// kernel finds the output's pointer equal to such an input's.
  var donates: Kept { get }
  /// Inputs that must lie on the host whatever the device (sizes, index lists).
  var hostInputs: Set<Int> { get }
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
  public func view(of layout: Layout) throws(OpError) -> Layout? { nil }
  public func views(of layout: Layout) throws(OpError) -> [Layout]? { nil }
  public func viewDType(of dtype: DType) -> DType { dtype }
  public var acceptsStrides: Bool { false }
  public var mayOverwrite: Bool { false }
  public var donates: Kept { mayOverwrite ? .inputs : .nothing }
  public var hostInputs: Set<Int> { [] }
  public var autocast: AutocastRule { .unchanged }
  public var isRandom: Bool { false }
  public var attributes: [(String, String)] { [] }
}

/// An operation whose result shares the input's memory. Only `view`, `gradient` and a name are its own.
public protocol ViewPrimitive: Primitive {
  func layout(of input: Layout) throws(OpError) -> Layout
}

extension ViewPrimitive {
  public func view(of layout: Layout) throws(OpError) -> Layout? { try self.layout(of: layout) }

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
