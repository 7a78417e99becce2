import FlamebackKernels
import Synchronization

/// Where a leaf's gradient accumulates; shared by the leaf's copies, and by all values of a parameter.
public final class GradSlot: Sendable {
  private struct State {
    var grad: Tensor?
    var sparse: (any SparseGradient)?
    var hooks: [(id: Int, body: @Sendable (Tensor) -> Tensor?)] = []
    var afterAccumulation: [(id: Int, body: @Sendable (Tensor) -> Void)] = []
    var nextID = 0
    /// The part of a flat buffer where the gradient lies.
    var home: Region?

    /// Puts the gradient into its part of a flat buffer, if it has one and nobody holds an older gradient there.
    mutating func settle() {
      if let home, let present = grad.take() { grad = home.settled(present) }
    }
  }
  /// Sums are formed under the lock, so that tasks which accumulate at once lose nothing.
  private let state = Mutex(State())
  public init() {}

  /// The accumulated gradient.
  public var grad: Tensor? {
    get {
      let (dense, sparse) = state.withLock { ($0.grad, $0.sparse) }
      guard let sparse else { return dense }
      return dense.map { $0 + sparse.toDense() } ?? sparse.toDense()
    }
    set {
      var old = state.withLock { state in
        let old = (state.grad, state.sparse)
        state.grad = nil
        state.sparse = nil
        return old
      }
      old = (nil, nil)  // released outside the lock, and before the new one takes its place
      _ = old
      guard let newValue else { return }
      state.withLock { state in
        state.grad = newValue
        state.settle()
      }
    }
  }

  /// Changes the gradient, in place where nobody else holds its memory; a sparse one becomes dense.
  package func update(_ body: (inout Tensor) -> Void) {
    var (dense, sparse) = state.withLock { state in
      let parts = (state.grad, state.sparse)
      state.grad = nil
      state.sparse = nil
      return parts
    }
    if let rows = sparse.take()?.toDense() { dense = dense.map { $0 + rows } ?? rows }
    guard var gradient = dense.take() else { return }
    body(&gradient)
    grad = gradient
  }

  /// The part of a flat buffer where the gradient lies from now on.
  package var home: Region? {
    get { state.withLock { $0.home } }
    set {
      state.withLock { state in
        state.home = newValue
        state.settle()
      }
    }
  }

  /// Whether nobody else holds the gradient's memory; true if there is none.
  package func holdsAlone() -> Bool {
    state.withLock { state in state.grad == nil || state.grad!.isUniquelyHeld() }
  }

  /// Puts the gradient into its part of the flat buffer, which is zero where there is no gradient; false while somebody
  /// holds an older gradient of that part, or where it does not fit.
  package func settle() -> Bool {
    if sparse != nil { grad = grad }
    return state.withLock { state in
      guard let home = state.home else { return false }
      guard state.grad != nil else { return home.clear() }
      state.settle()
      return home.holds(state.grad!)
    }
  }

  /// The part of the gradient that is stored sparsely.
  package var sparse: (any SparseGradient)? {
    get { state.withLock { $0.sparse } }
    set { state.withLock { $0.sparse = newValue } }
  }

  /// Whether a part of the gradient is stored as a tensor.
  package var hasDenseGrad: Bool { state.withLock { $0.grad != nil } }

  /// Adds a complete gradient, in the memory of the sum where nobody else holds it, and calls the accumulation hooks,
  /// which run outside the lock and may take the sum away.
  func accumulate(_ gradient: Tensor) {
    var (old, hooks) = state.withLock { state in
      var old: Tensor?
      state.settle()
      if state.grad == nil {
        state.grad = gradient
        state.settle()
      } else if !Elementwise.add.overwrite(&state.grad!, .tensor(gradient)) {
        old = state.grad
        state.grad = state.grad! + gradient
        CopiedBytes.add(gradient.elementCount * gradient.dtype.byteSize)
      }
      return (old, state.afterAccumulation)
    }
    old = nil  // released outside the lock
    _ = old
    for (_, hook) in hooks { hook(gradient) }
  }

  /// Adds a gradient without making it dense, unless its kind and the present one's do not add.
  package func accumulate(_ gradient: any SparseGradient) {
    let old = state.withLock { state in
      let old = (state.grad, state.sparse)
      if let sum = state.sparse.map({ $0.adding(gradient) }) ?? gradient {
        state.sparse = sum
      } else if let sparse = state.sparse {
        state.grad = (state.grad.map { $0 + sparse.toDense() } ?? sparse.toDense()) + gradient.toDense()
        state.sparse = nil
      }
      return old
    }
    _ = old  // released outside the lock
  }

  package var hooks: [@Sendable (Tensor) -> Tensor?] { state.withLock { $0.hooks.map(\.body) } }

  package func addHook(_ hook: @escaping @Sendable (Tensor) -> Tensor?) -> HookHandle {
    let id = state.withLock { state in
      state.nextID += 1
      state.hooks.append((state.nextID, hook))
      return state.nextID
    }
    return HookHandle { [weak self] in self?.state.withLock { $0.hooks.removeAll { $0.id == id } } }
  }

  /// Calls `hook` with each gradient after it was added to the sum.
  package func addAccumulationHook(_ hook: @escaping @Sendable (Tensor) -> Void) -> HookHandle {
    let id = state.withLock { state in
      state.nextID += 1
      state.afterAccumulation.append((state.nextID, hook))
      return state.nextID
    }
    return HookHandle { [weak self] in self?.state.withLock { $0.afterAccumulation.removeAll { $0.id == id } } }
  }
}
