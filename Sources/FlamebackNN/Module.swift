import FlamebackCore
import FlamebackKernels

/// The base of layers and models: parameters, buffers and inner modules are found among the stored properties.
///
/// A subclass declares its parts as properties and computes in `callAsFunction`:
///
///     final class Scale: Module, UnaryLayer {
///       @Parameter var weight = Tensor([1.0], shape: [1])
///       func callAsFunction(_ x: Tensor) -> Tensor { x * weight }
///     }
///
/// SeeAlso: torch.nn.Module
open class Module: CustomStringConvertible {
  /// Whether the module behaves as in training: dropout drops, batch norm measures. SeeAlso: torch.nn.Module.training
  public internal(set) final var isTraining = true
  final var hooks: Hooks?
  /// The path in the model being traced.
  final var tracePath = ""

  public init() {}

  /// Names in the state dict of properties whose snake_case is not PyTorch's name. The empty name stands for a container
  /// whose elements appear under their own names.
  open class var stateKeys: [String: String] { [:] }

  /// The version of the layout of this class's entries in a state dict. SeeAlso: torch.nn.Module._version
  open class var stateVersion: Int { 1 }

  /// What stands between the parentheses in the printed form. SeeAlso: torch.nn.Module.extra_repr
  open var extraRepr: String { "" }

  /// The class name in the printed form.
  open var typeName: String {
    let name = String(describing: type(of: self))
    return name.firstIndex(of: "<").map { String(name[..<$0]) } ?? name
  }

  /// Whether equal neighbours are printed as one line.
  var collapsesRepeats: Bool { false }

  /// Called with a state dict before it is loaded: a place to give parameters their shapes.
  open func prepareToLoad(_ state: StateDict) {}

  /// The multiplications and additions of one call, for `summary`.
  open func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int { 0 }

  /// Switches between training and evaluation behaviour, inner modules included. SeeAlso: torch.nn.Module.train
  @discardableResult
  open func train(_ mode: Bool = true) -> Self {
    isTraining = mode
    let registry = registry
    for (_, child) in registry.children { child.train(mode) }
    for source in registry.inlined { source.train(mode) }
    return self
  }

  /// Evaluation behaviour. SeeAlso: torch.nn.Module.eval
  @discardableResult
  public final func eval() -> Self { train(false) }
}

/// A module from one tensor to one tensor: what `Sequential` chains.
public protocol UnaryLayer: Module {
  func callAsFunction(_ x: Tensor) -> Tensor
}

extension Module {
  /// The modules directly inside, with their names. SeeAlso: torch.nn.Module.named_children
  public var namedChildren: [(name: String, module: Module)] {
    var seen: Set<ObjectIdentifier> = []
    return registry.children.filter { seen.insert(ObjectIdentifier($0.module)).inserted }
  }

  /// The modules directly inside. SeeAlso: torch.nn.Module.children
  public var children: [Module] { namedChildren.map(\.module) }

  /// This module and all inside, each once, with their paths. SeeAlso: torch.nn.Module.named_modules
  public var namedModules: [(name: String, module: Module)] { walk(unique: true).map { ($0.path, $0.module) } }

  /// This module and all inside, each once. SeeAlso: torch.nn.Module.modules
  public var modules: [Module] { walk(unique: true).map(\.module) }

  /// The parameters, each once, in PyTorch's order. SeeAlso: torch.nn.Module.parameters
  public func parameters() -> [ParameterCell] { namedParameters.map(\.parameter) }

  /// The parameters, each once, with their paths. SeeAlso: torch.nn.Module.named_parameters
  public var namedParameters: [(name: String, parameter: ParameterCell)] {
    var seen: Set<ObjectIdentifier> = []
    return walk(unique: true).flatMap { path, _, registry in
      registry.parameters.filter { seen.insert(ObjectIdentifier($0.cell)).inserted }.map { (path / $0.name, $0.cell) }
    }
  }

  /// The buffers, each once, with their paths. SeeAlso: torch.nn.Module.named_buffers
  public var namedBuffers: [(name: String, buffer: BufferCell)] {
    var seen: Set<ObjectIdentifier> = []
    return walk(unique: true).flatMap { path, _, registry in
      registry.buffers.filter { seen.insert(ObjectIdentifier($0.cell)).inserted }.map { (path / $0.name, $0.cell) }
    }
  }

  /// The buffers, each once. SeeAlso: torch.nn.Module.buffers
  public var buffers: [BufferCell] { namedBuffers.map(\.buffer) }

  /// The number of elements of all parameters.
  public var parameterCount: Int { parameters().reduce(0) { $0 + $1.tensor.elementCount } }

  /// Calls `body` with every module inside, then with this one. SeeAlso: torch.nn.Module.apply
  @discardableResult
  public func apply(_ body: (Module) -> Void) -> Self {
    for child in children { child.apply(body) }
    body(self)
    return self
  }

  /// The module at that path, nil if there is none. SeeAlso: torch.nn.Module.get_submodule
  public func getSubmodule(_ path: String) -> Module? {
    var module = self
    for name in path.split(separator: ".") {
      guard let next = module.registry.children.first(where: { $0.name == name }) else { return nil }
      module = next.module
    }
    return module
  }

  /// The parameter at that path, nil if there is none. SeeAlso: torch.nn.Module.get_parameter
  public func getParameter(_ path: String) -> ParameterCell? {
    namedState.first { $0.name == path }?.cell as? ParameterCell
  }

  /// The buffer at that path, nil if there is none. SeeAlso: torch.nn.Module.get_buffer
  public func getBuffer(_ path: String) -> BufferCell? { namedBuffers.first { $0.name == path }?.buffer }

  /// Moves parameters and buffers to a device, and floating point ones to a dtype. SeeAlso: torch.nn.Module.to
  @discardableResult
  public func to(_ device: Device? = nil, dtype: DType? = nil) -> Self {
    func convert(_ tensor: Tensor) -> Tensor {
      var result = tensor.detached()
      if let dtype, tensor.dtype.isDifferentiable, dtype.isDifferentiable { result = result.to(dtype) }
      if let device { result = result.to(device) }
      return result
    }
    for cell in parameters() {
      let grad = cell.grad
      cell.tensor = convert(cell.tensor)
      cell.grad = grad.map(convert)
    }
    for cell in buffers { cell.tensor = convert(cell.tensor) }
    return self
  }

  /// Floating point parameters and buffers in that dtype. SeeAlso: torch.nn.Module.to
  @discardableResult
  public func to(_ dtype: DType) -> Self { to(nil, dtype: dtype) }

  /// In float16. SeeAlso: torch.nn.Module.half
  @discardableResult
  public func half() -> Self { to(.float16) }

  /// In bfloat16. SeeAlso: torch.nn.Module.bfloat16
  @discardableResult
  public func bfloat16() -> Self { to(.bfloat16) }

  /// In float32. SeeAlso: torch.nn.Module.float
  @discardableResult
  public func float() -> Self { to(.float32) }

  /// In float64. SeeAlso: torch.nn.Module.double
  @discardableResult
  public func double() -> Self { to(.float64) }

  /// Freezes the parameters, or lets them learn again. SeeAlso: torch.nn.Module.requires_grad_
  @discardableResult
  public func requiresGrad(_ requires: Bool = true) -> Self {
    for cell in parameters() { cell.requiresGrad = requires }
    return self
  }

  /// Drops the gradients, or fills them with zeros. SeeAlso: torch.nn.Module.zero_grad
  public func zeroGrad(setToNone: Bool = true) {
    for cell in parameters() { cell.zeroGrad(setToNone: setToNone) }
  }

  /// All modules with their paths and what they consist of; a shared one each time or only once.
  func walk(unique: Bool) -> [(path: String, module: Module, registry: Registry)] {
    var result: [(path: String, module: Module, registry: Registry)] = []
    var seen: Set<ObjectIdentifier> = []
    func visit(_ path: String, _ module: Module) {
      if unique, !seen.insert(ObjectIdentifier(module)).inserted { return }
      let registry = module.registry
      result.append((path, module, registry))
      for (name, child) in registry.children { visit(path / name, child) }
    }
    visit("", self)
    return result
  }
}

extension ParameterCell {
  /// Drops the gradient, or fills it with zeros.
  package func zeroGrad(setToNone: Bool = true) {
    if setToNone {
      grad = nil
    } else {
      slot.update { $0.fillZero() }
    }
  }
}

infix operator / : MultiplicationPrecedence

/// Joins a path and a name.
func / (path: String, name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
