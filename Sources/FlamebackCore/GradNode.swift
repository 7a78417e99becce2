import FlamebackKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Removes a hook again. SeeAlso: torch.utils.hooks.RemovableHandle
public struct HookHandle: Sendable {
  private let removal: @Sendable () -> Void
  public init(_ removal: @escaping @Sendable () -> Void) { self.removal = removal }
  public func remove() { removal() }
}

/// One recorded operation: what made a tensor, and how gradients flow back through it. SeeAlso: torch.autograd.graph.Node
public final class GradNode: @unchecked Sendable {
  /// Tensors kept for backward, those of one or two operands inline.
  struct SavedTensors: Sendable {
    private var first: Tensor?
    private var second: Tensor?
    /// From the third input on, then the outputs.
    private var rest: [Tensor?] = []
    private var inputCount = 0

    init() {}

    /// What `kept` names of the inputs and of the outputs that `output` gives.
    init(_ kept: Kept, _ inputs: SmallList<Tensor>, outputCount: Int, _ output: (Int) -> Tensor) {
      guard kept != .nothing else { return }
      inputCount = inputs.count
      if inputCount > 0, kept.keepsInput(0) { first = inputs[0] }
      if inputCount > 1, kept.keepsInput(1) { second = inputs[1] }
      let keepsOutputs = kept.rawValue >> 32 != 0
      guard inputCount > 2 || keepsOutputs else { return }
      rest.reserveCapacity(max(inputCount - 2, 0) + (keepsOutputs ? outputCount : 0))
      for i in 2..<max(inputCount, 2) { rest.append(kept.keepsInput(i) ? inputs[i] : nil) }
      guard keepsOutputs else { return }
      for i in 0..<outputCount { rest.append(kept.keepsOutput(i) ? output(i) : nil) }
    }

    func input(_ i: Int) -> Tensor {
      switch i {
      case 0: first!
      case 1: second!
      default: rest[i - 2]!
      }
    }

    func output(_ i: Int) -> Tensor { rest[max(inputCount - 2, 0) + i]! }

    /// Whether freeing them may free other nodes.
    var leadsOn: Bool {
      first?.body.node != nil || second?.body.node != nil || rest.contains { $0?.body.node != nil }
    }
  }

  /// Where the gradient of an input goes.
  enum Edge {
    case node(GradNode, Int)
    case leaf(GradSlot)
    case none
  }

  /// Larger for later operations: backward goes from large to small.
  let serial: Int
  public let name: String
  let inputSpecs: SpecList
  let outputSpecs: SpecList
  private(set) var edges: SmallList<Edge>
  private let pullback: @Sendable ([Tensor?], Saved) -> [Tensor?]
  /// Guards the two variables below; they lie outside it because a generic container would cost more than the lock.
  private let lock = Mutex(())
  /// Tensors kept for backward; nil once freed.
  private var saved: SavedTensors?
  /// Hooks and retained gradients; allocated on first use.
  private var extras: Extras?
  /// The forward call, in anomaly mode.
  let callSite: [String]?

  /// A hook of one output's gradient.
  typealias OutputHook = (id: Int, output: Int, body: @Sendable (Tensor) -> Tensor?)

  private final class Extras {
    var hooks: [OutputHook] = []
    var retained: [Int: GradSlot] = [:]
    var nextID = 0
  }

  private static let serials = Atomic<Int>(0)

  init(
    name: String, inputs: SmallList<Tensor>, outputSpecs: SpecList, saved: SavedTensors,
    callSite: [String]?, pullback: @escaping @Sendable ([Tensor?], Saved) -> [Tensor?]
  ) {
    serial = GradNode.serials.wrappingAdd(1, ordering: .relaxed).newValue
    self.name = name
    inputSpecs = SpecList(inputs)
    self.outputSpecs = outputSpecs
    edges = SmallList(mapping: inputs) { input in
      if let node = input.body.node { return .node(node, input.body.outputIndex) }
      if let slot = input.body.slot { return .leaf(slot) }
      return .none
    }
    self.callSite = callSite
    self.pullback = pullback
    self.saved = saved
  }

  func isWanted(_ i: Int) -> Bool { if case .none = edges[i] { false } else { true } }

  /// A kept output, with this node as its origin again (it is stored without, or it would keep itself alive).
  func restored(_ output: Tensor, _ index: Int) -> Tensor {
    Tensor(
      TensorBody(
        storage: output.body.storage, layout: output.body.layout, dtype: output.dtype, node: self, outputIndex: index))
  }

  /// The gradients of the inputs. Frees the kept tensors unless they are retained.
  func run(_ cotangents: [Tensor?], retain: Bool) throws(OpError) -> [Tensor?] {
    let tensors = lock.withLock { _ in
      let tensors = saved
      if !retain { saved = nil }
      return tensors
    }
    guard let tensors else {
      throw OpError(
        "backward",
        "the graph was freed by an earlier backward: a second one through '\(name)' needs retainGraph: true in the first"
      )
    }
    return pullback(cotangents, Saved(node: self, tensors: tensors))
  }

  /// The operations whose gradients come next. SeeAlso: torch.autograd.graph.Node.next_functions
  public var nextFunctions: [(node: GradNode?, output: Int)] {
    edges.map { if case .node(let node, let index) = $0 { (node, index) } else { (nil, 0) } }
  }

  func addHook(_ output: Int, _ body: @escaping @Sendable (Tensor) -> Tensor?) -> HookHandle {
    let id = withExtras { extras in
      extras.nextID += 1
      extras.hooks.append((extras.nextID, output, body))
      return extras.nextID
    }
    return HookHandle { [weak self] in self?.withExtras { $0.hooks.removeAll { $0.id == id } } }
  }

  func retainGrad(_ output: Int) -> GradSlot {
    withExtras { extras in
      if let slot = extras.retained[output] { return slot }
      let slot = GradSlot()
      extras.retained[output] = slot
      return slot
    }
  }

  private func withExtras<R: Sendable>(_ body: (Extras) -> R) -> R {
    lock.withLock { _ in
      let present = extras ?? Extras()
      extras = present
      return body(present)
    }
  }

  func retainedSlot(_ output: Int) -> GradSlot? { lock.withLock { _ in extras?.retained[output] } }

  /// The hooks of the outputs and the places where their gradients are kept; nil for most nodes.
  var watchers: (hooks: [OutputHook], retained: [Int: GradSlot])? {
    lock.withLock { _ in extras.map { ($0.hooks, $0.retained) } }
  }

  deinit {
    let isInside = edges.contains { if case .node = $0 { true } else { false } }
    guard isInside || saved?.leadsOn == true else { return }
    let pending = Trampoline.pending
    pending.items.append((edges, saved.take()))
    edges = SmallList()  // the list must be the only owner, or the chain would be freed from here, node within node
    pending.drain()
  }
}

/// Frees chains of nodes without recursion: what a dying node held goes to a list that the outermost one empties.
private enum Trampoline {
  final class Pending {
    var items: [(SmallList<GradNode.Edge>, GradNode.SavedTensors?)] = []
    private var isActive = false

    func drain() {
      if isActive { return }
      isActive = true
      while !items.isEmpty { items.removeLast() }
      isActive = false
    }
  }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { pointer in Unmanaged<Pending>.fromOpaque(pointer!).release() }
    return key
  }()

  static var pending: Pending {
    if let pointer = pthread_getspecific(key) { return Unmanaged<Pending>.fromOpaque(pointer).takeUnretainedValue() }
    let pending = Pending()
    pthread_setspecific(key, Unmanaged.passRetained(pending).toOpaque())
    return pending
  }
}
