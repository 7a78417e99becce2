import FlamebackCore
import FlamebackNN
import FlamebackOps

/// The quasi-Newton method with limited memory: `step` evaluates the loss several times. SeeAlso: torch.optim.LBFGS
public final class LBFGS: Optimizer {
  /// How the length of a step is found.
  public enum LineSearch: String, Sendable { case strongWolfe = "strong_wolfe" }

  private var direction: Tensor?
  private var length = 0.0
  private var oldGradientSteps: [Tensor] = []
  private var oldSteps: [Tensor] = []
  private var curvatures: [Double] = []
  private var diagonal = 1.0
  private var previousGradient: Tensor?
  private var iterations = 0

  /// A parameter that the history is about.
  private struct Owner {
    weak var cell: ParameterCell?
  }
  private var owners: [Owner] = []

  /// Forgets the history of parameters other than the present ones.
  private func forgetOthers() {
    let cells = self.cells
    if owners.count == cells.count, zip(owners, cells).allSatisfy({ $0.cell === $1 }) { return }
    if !owners.isEmpty {
      (iterations, direction, previousGradient, length) = (0, nil, nil, 0)
      (oldGradientSteps, oldSteps, curvatures, diagonal) = ([], [], [], 1)
    }
    owners = cells.map { Owner(cell: $0) }
  }

  public init(
    _ parameters: [ParameterCell], lr: Double = 1, maxIter: Int = 20, maxEval: Int? = nil,
    toleranceGrad: Double = 1e-7, toleranceChange: Double = 1e-9, historySize: Int = 100,
    lineSearch: LineSearch? = nil, maximize: Bool = false
  ) {
    super.init(
      [ParameterGroup(parameters)],
      defaults: [
        "lr": .double(lr), "max_iter": .int(maxIter), "max_eval": .int(maxEval ?? maxIter * 5 / 4),
        "tolerance_grad": .double(toleranceGrad), "tolerance_change": .double(toleranceChange),
        "history_size": .int(historySize), "line_search_fn": lineSearch.map { .string($0.rawValue) } ?? .none,
        "maximize": .bool(maximize),
      ])
  }

  public override func addGroup(_ group: ParameterGroup) {
    require(groups.isEmpty, "has one group of parameters only")
    super.addGroup(group)
  }

  public override func step() { require(false, "needs a closure that computes the loss: step { … }") }

  private var cells: [ParameterCell] { groups[0].parameters }
  private var sign: Double { groups[0][.maximize] ? -1 : 1 }

  private func gradient() -> Tensor {
    let flat = Tensor.cat(
      cells.map { cell in
        cell.grad?.detached().reshape(-1) ?? Tensor.zeros([cell.tensor.elementCount], dtype: cell.dtype)
      })
    return sign < 0 ? -flat : flat
  }

  private func move(_ length: Double, _ direction: Tensor) {
    let parts = direction.split(cells.map(\.tensor.elementCount))
    for (cell, part) in zip(cells, parts) {
      cell.tensor = cell.tensor.detached() + part.view(cell.shape) * length
    }
  }

  @discardableResult
  public override func step(_ closure: () -> Tensor) -> Tensor {
    noGrad {
      let group = groups[0]
      forgetOthers()
      let first = enableGrad(closure)
      var loss = sign * first.itemDouble()
      var evaluations = 1
      var flat = gradient()
      func isFlat() -> Bool { flat.abs().amax().itemDouble() <= group[.toleranceGrad] }
      if isFlat() { return first }
      for round in 1...max(group[.maxIter], 1) {
        iterations += 1
        let d = nextDirection(flat, group[.historySize])
        direction = d
        previousGradient = flat
        let previousLoss = loss
        length = iterations == 1 ? min(1, 1 / flat.abs().sum().itemDouble()) * group.lr : group.lr
        let slope = flat.dot(d).itemDouble()
        if slope > -group[.toleranceChange] { break }
        var made = 0
        if group[.lineSearch] != nil {
          let start = cells.map { $0.tensor.detached() }
          let found = withoutActuallyEscaping(closure) { closure in
            StrongWolfe(
              direction: d, loss: loss, gradient: flat, slope: slope, maxEvaluations: group[.maxEval] - evaluations
            ) { t in
              self.move(t, d)
              let loss = self.sign * enableGrad(closure).itemDouble()
              let gradient = self.gradient()
              for (cell, value) in zip(self.cells, start) { cell.tensor = value }
              return (loss, gradient)
            }.run(from: length)
          }
          (loss, flat, length, made) = (found.loss, found.gradient, found.length, found.evaluations)
          move(length, d)
        } else {
          move(length, d)
          if round != group[.maxIter] {
            loss = sign * enableGrad(closure).itemDouble()
            flat = gradient()
            made = 1
          }
        }
        evaluations += made
        if round == group[.maxIter] || evaluations >= group[.maxEval] || isFlat() { break }
        if (d * length).abs().amax().itemDouble() <= group[.toleranceChange] { break }
        if abs(loss - previousLoss) < group[.toleranceChange] { break }
      }
      return first
    }
  }

  /// The gradient through the approximate inverse Hessian.
  private func nextDirection(_ flat: Tensor, _ historySize: Int) -> Tensor {
    guard iterations > 1, let previousGradient, let direction else {
      (oldGradientSteps, oldSteps, curvatures, diagonal) = ([], [], [], 1)
      return -flat
    }
    let y = flat - previousGradient
    let s = direction * length
    let ys = y.dot(s).itemDouble()
    if ys > 1e-10 {
      if oldSteps.count == historySize {
        oldGradientSteps.removeFirst()
        oldSteps.removeFirst()
        curvatures.removeFirst()
      }
      oldGradientSteps.append(y)
      oldSteps.append(s)
      curvatures.append(1 / ys)
      diagonal = ys / y.dot(y).itemDouble()
    }
    var q = -flat
    var factors = Array(repeating: 0.0, count: oldSteps.count)
    for i in oldSteps.indices.reversed() {
      factors[i] = oldSteps[i].dot(q).itemDouble() * curvatures[i]
      q = q - oldGradientSteps[i] * factors[i]
    }
    var r = q * diagonal
    for i in oldSteps.indices {
      r = r + oldSteps[i] * (factors[i] - oldGradientSteps[i].dot(r).itemDouble() * curvatures[i])
    }
    return r
  }

  public override func stateDict() -> StateValue {
    guard case .dict(var entries) = super.stateDict(), let direction, let previousGradient else {
      return super.stateDict()
    }
    entries["state"] = .indexed([
      0: .dict([
        "n_iter": .int(iterations), "d": .tensor(direction), "t": .double(length),
        "old_dirs": .list(oldGradientSteps.map(StateValue.tensor)), "old_stps": .list(oldSteps.map(StateValue.tensor)),
        "ro": .list(curvatures.map(StateValue.double)), "H_diag": .double(diagonal),
        "prev_flat_grad": .tensor(previousGradient),
      ])
    ])
    return .dict(entries)
  }

  override func restore(_ entries: Named<StateValue>, like value: Tensor) throws -> ParameterState {
    func tensors(_ name: String) -> [Tensor] {
      (entries[name]?.elements ?? []).compactMap { if case .tensor(let tensor) = $0 { tensor } else { nil } }
    }
    guard let count = entries["n_iter"]?.int, case .tensor(let d)? = entries["d"],
      case .tensor(let gradient)? = entries["prev_flat_grad"]
    else { throw StateError("[LBFGS] the saved state lacks n_iter, d or prev_flat_grad") }
    let size = cells.reduce(0) { $0 + $1.tensor.elementCount }
    let all = [d, gradient] + tensors("old_dirs") + tensors("old_stps")
    guard all.allSatisfy({ $0.shape == [size] }), tensors("old_dirs").count == tensors("old_stps").count else {
      throw StateError("[LBFGS] the saved state is not that of \(size) numbers")
    }
    (iterations, direction, previousGradient) = (count, d, gradient)
    length = entries["t"]?.double ?? 1
    (oldGradientSteps, oldSteps) = (tensors("old_dirs"), tensors("old_stps"))
    curvatures = (entries["ro"]?.elements ?? []).compactMap(\.double)
    diagonal = entries["H_diag"]?.double ?? 1
    owners = cells.map { Owner(cell: $0) }
    return ParameterState()
  }
}
