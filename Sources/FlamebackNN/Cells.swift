import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A place that holds a tensor of a module's state: a parameter's or a buffer's.
public protocol StateCell: AnyObject {
  /// The present value; assignment replaces it.
  var tensor: Tensor { get set }
}

/// The place where a parameter lives: its value changes, its identity and its gradient's place stay.
///
/// Optimizers hold cells; two modules that share one have tied weights. SeeAlso: torch.nn.Parameter
public final class ParameterCell: StateCell {
  private var leaf: Tensor?
  private let slot = GradSlot()

  /// A parameter that starts as `tensor`. SeeAlso: torch.nn.Parameter
  public init(_ tensor: Tensor, requiresGrad: Bool = true) {
    self.requiresGrad = requiresGrad
    self.tensor = tensor
  }

  /// Whether gradients are recorded; false freezes the parameter. SeeAlso: torch.Tensor.requires_grad
  public var requiresGrad: Bool {
    didSet { if requiresGrad != oldValue, let leaf { tensor = leaf } }
  }

  /// Computes the value from parameters of its own instead of holding it. SeeAlso: torch.nn.utils.parametrize
  package private(set) var parametrization: (any Parametrization)?

  /// From now on the value is what `make` computes from the present one; the parts of that are the parameters.
  public func parametrize(_ make: (Tensor) -> any Parametrization) {
    parametrization = make(tensor.detached())
    leaf = nil
  }

  /// Keeps the present value and gives up its parts. SeeAlso: torch.nn.utils.parametrize.remove_parametrizations
  public func removeParametrization() {
    guard let parametrization else { return }
    self.parametrization = nil
    tensor = parametrization.value()
  }

  /// The value, as a leaf of the graph. What is assigned is cut from the graph it came from.
  public var tensor: Tensor {
    get { parametrization?.value() ?? leaf! }
    set {
      noteAssignment(to: self)
      if parametrization != nil {
        return report(OpError("parameter", "a parametrized value cannot be assigned: change its parts"))
      }
      newValue.keepForms()
      leaf = newValue.withSlot(requiresGrad && newValue.dtype.isDifferentiable ? slot : nil)
    }
  }

  /// Stands `tensor` in for the value, its history included, until the returned function is called.
  func substitute(_ tensor: Tensor) -> () -> Void {
    let (oldLeaf, oldParts) = (leaf, parametrization)
    parametrization = nil
    leaf = tensor
    return { [self] in (leaf, parametrization) = (oldLeaf, oldParts) }
  }

  /// The accumulated gradient. SeeAlso: torch.Tensor.grad
  public var grad: Tensor? {
    get { slot.grad }
    set {
      if let newValue, newValue.shape != tensor.shape {
        return report(OpError("grad", "assigned gradient \(newValue.spec) does not fit the parameter \(tensor.spec)"))
      }
      slot.grad = newValue
    }
  }

  /// The gradient if only single rows have one (`Embedding(sparse: true)`); `grad` is the same with all its zeros.
  public var sparseGrad: SparseTensor? {
    get { slot.hasDenseGrad ? nil : slot.sparse as? SparseTensor }
    set {
      if let newValue, newValue.shape != shape {
        return report(OpError("sparseGrad", "assigned gradient \(newValue) does not fit the parameter \(tensor.spec)"))
      }
      slot.grad = nil
      slot.sparse = newValue
    }
  }

  public var shape: Shape { tensor.shape }
  public var dtype: DType { tensor.dtype }

  /// Changes the value, in place where nobody else holds its memory.
  package func update(_ body: (inout Tensor) -> Void) {
    var value = tensor.withSlot(nil)
    leaf = nil
    body(&value)
    tensor = value
  }

  /// Calls `hook` with the gradient when it is computed; what it returns replaces it.
  /// SeeAlso: torch.Tensor.register_hook
  @discardableResult
  public func registerHook(_ hook: @escaping @Sendable (Tensor) -> Tensor?) -> HookHandle { tensor.registerHook(hook) }

  /// Calls `hook` with this parameter as soon as its gradient of a backward pass is complete and accumulated, before the
  /// pass goes on: an optimizer can use it up and drop it there. It runs in the task that runs backward.
  /// SeeAlso: torch.Tensor.register_post_accumulate_grad_hook
  @discardableResult
  public func registerPostAccumulateGradHook(_ hook: @escaping (ParameterCell) -> Void) -> HookHandle {
    guard parametrization == nil else {
      report(
        OpError("registerPostAccumulateGradHook", "a parametrized value has no gradient of its own: hook its parts"))
      return HookHandle {}
    }
    let confined = ConfinedHook(cell: self, body: hook)
    return slot.addAccumulationHook { _ in confined() }
  }
}

/// A hook of a parameter, which only the task that owns the parameter's module calls.
private struct ConfinedHook: @unchecked Sendable {
  weak let cell: ParameterCell?
  let body: (ParameterCell) -> Void

  func callAsFunction() { if let cell { body(cell) } }
}

/// The place where a buffer lives. SeeAlso: torch.nn.Buffer
public final class BufferCell: StateCell {
  private var value: Tensor
  /// Whether the buffer is part of the state dict.
  public var isPersistent: Bool

  public init(_ tensor: Tensor, isPersistent: Bool = true) {
    value = tensor.detached()
    self.isPersistent = isPersistent
    noteAssignment(to: self)
  }

  /// The value, never part of a graph.
  public var tensor: Tensor {
    get { value }
    set {
      noteAssignment(to: self)
      value = newValue.detached()
    }
  }
}
