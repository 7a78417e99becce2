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
  package let slot = GradSlot()
  /// The part of a flat buffer where the value lies.
  package private(set) var home: Region?

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
      guard let home else { return place(newValue) }
      leaf = nil  // or the old value would keep the new one from its place
      place(home.settled(newValue.withoutHistory))
    }
  }

  private func place(_ value: Tensor) {
    value.keepForms()
    leaf = value.withSlot(requiresGrad && value.dtype.isDifferentiable ? slot : nil)
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

  /// Changes the value, in place where nobody else holds its memory. `body` may leave the work to a queue, so its value
  /// goes to its part of a flat buffer with the next assignment or update, not before the queue has run.
  package func update(_ body: (inout Tensor) -> Void) {
    if parametrization != nil {
      return report(OpError("parameter", "a parametrized value cannot be assigned: change its parts"))
    }
    noteAssignment(to: self)
    var value = leaf!.withSlot(nil)
    leaf = nil
    if let home { value = home.settled(consume value) }
    body(&value)
    place(value)
  }

  /// Moves the value into `region` of a flat buffer, where it lies from now on; its gradient likewise.
  package func settle(in region: Region, gradient: Region?) {
    (home, slot.home) = (region, gradient ?? slot.home)
    let value = leaf!
    leaf = nil
    place(region.settled(value.withSlot(nil)))
  }

  /// Whether the value lies in `region`, where it is put if it can be.
  package func isSettled(in region: Region) -> Bool {
    guard parametrization == nil, home === region, let value = leaf, region.fits(value) else { return false }
    if region.holds(value) { return true }
    settle(in: region, gradient: nil)
    return region.holds(leaf!)
  }

  /// Whether nobody else holds the value's memory; what kernels made of it is forgotten.
  package func holdsValueAlone() -> Bool {
    guard leaf != nil, var value = leaf?.withSlot(nil) else { return false }
    leaf = nil
    defer { place(value) }
    return value.isUniquelyHeld()
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

  /// The value, never part of a graph. Changed in place (`cell.tensor[0] = 1`) it keeps its memory where nobody else
  /// holds that.
  public var tensor: Tensor {
    get { value }
    set {
      noteAssignment(to: self)
      value = newValue.detached()
    }
    _modify {
      var taken = take()
      defer { tensor = taken }
      yield &taken
    }
  }

  private static let nothing = Tensor([Float](), shape: [0])

  /// The value, of which the cell lets go until the next assignment: its memory may then be written over.
  package func take() -> Tensor {
    defer { value = Self.nothing }
    return value
  }
}
