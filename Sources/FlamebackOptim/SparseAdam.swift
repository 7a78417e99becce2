import FlamebackCore
import FlamebackNN
import FlamebackOps

/// Adam for sparse gradients: only the rows that have a gradient change, moments included. SeeAlso: torch.optim.SparseAdam
public final class SparseAdam: Optimizer {
  public init(
    _ groups: [ParameterGroup], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    maximize: Bool = false
  ) {
    super.init(
      groups,
      defaults: [
        "lr": .double(lr), "betas": .tuple([.double(betas.0), .double(betas.1)]), "eps": .double(eps),
        "maximize": .bool(maximize),
      ])
  }

  public convenience init(
    _ parameters: [ParameterCell], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    maximize: Bool = false
  ) {
    self.init([ParameterGroup(parameters)], lr: lr, betas: betas, eps: eps, maximize: maximize)
  }

  public override func validate(_ group: ParameterGroup) {
    super.validate(group)
    require(group.lr > 0, "invalid learning rate: \(group.lr)")
    require(group[.eps] > 0, "invalid epsilon: \(group[.eps])")
    for parameter in group.parameters where parameter.dtype.isComplex {
      require(false, "takes no complex parameters, got one of \(parameter.tensor.spec)")
    }
  }

  /// PyTorch counts these steps with a plain number.
  override func saved(_ state: ParameterState) -> Named<StateValue> {
    var entries = super.saved(state)
    if state.step > 0 { entries["step"] = .int(Int(state.step)) }
    return entries
  }

  override func step(_ cell: ParameterCell, _ group: ParameterGroup, _ queue: UpdateQueue?) {
    guard let gradient = cell.sparseGrad else {
      require(cell.grad == nil, "dense gradients are not supported: use Adam")
      return
    }
    let state = state(of: cell)
    state.step += 1
    let betas = group[.betas]
    let rate = group.lr * (1 - pow(betas[1], state.step)).squareRoot() / (1 - pow(betas[0], state.step))
    let places = gradient.coalesced()
    let rows = places.linearIndices
    let g = group[.maximize] ? -places.values : places.values
    let mean = state.tensor("exp_avg", like: cell.tensor)
    let square = state.tensor("exp_avg_sq", like: cell.tensor)
    if places.storedCount == 0 { return }
    // The dimensions in front of the stored slices, as one.
    let flat = [-1] + Array(places.values.shape.dropFirst())
    func picked(_ x: Tensor) -> Tensor { x.reshape(flat).indexSelect(dim: 0, index: rows) }
    let oldMean = picked(mean)
    let oldSquare = picked(square)
    let newMean = oldMean + (g - oldMean) * (1 - betas[0])
    let newSquare = oldSquare + (g * g - oldSquare) * (1 - betas[1])
    state.change("exp_avg", flat, rows, to: newMean)
    state.change("exp_avg_sq", flat, rows, to: newSquare)
    let step = newMean / (newSquare.sqrt() + group[.eps]) * rate
    cell.update { value in
      let moved = picked(value) - step
      value.assignRows(flat, rows, moved)
    }
  }
}

extension Tensor {
  /// Overwrites rows, in place where nobody else holds the memory.
  fileprivate mutating func assignRows(_ flat: [Int], _ rows: Tensor, _ values: Tensor) {
    let shape = shape
    var table = reshape(flat)
    self = Tensor([Float](), shape: [0])  // released, so that the memory has one holder
    table[rows] = values
    self = table.reshape(Array(shape))
  }
}

extension ParameterState {
  fileprivate func change(_ name: String, _ flat: [Int], _ rows: Tensor, to values: Tensor) {
    guard var table = tensors[name] else { return }
    tensors[name] = nil
    table.assignRows(flat, rows, values)
    tensors[name] = table
  }
}
