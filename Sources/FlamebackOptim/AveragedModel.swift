import FlamebackCore
import FlamebackNN
import FlamebackOps

/// A model whose parameters are running averages of another's: stochastic weight averaging, or an exponential average.
///
///     let averaged = AveragedModel(of: model) { ConvNet() }
///     averaged.updateParameters(model)                     // after each epoch
///
/// SeeAlso: torch.optim.swa_utils.AveragedModel
public final class AveragedModel<Model: Module>: Module {
  /// How new parameters enter.
  public enum Average: Sendable {
    /// All models count the same.
    case equal
    /// The old average counts `decay`. SeeAlso: torch.optim.swa_utils.get_ema_multi_avg_fn
    case exponential(decay: Double)
  }

  public let module: Model
  @Buffer public var nAveraged: Tensor
  private let average: Average
  private let useBuffers: Bool

  /// `make` gives a second model of the same kind, which starts with the values of `model`.
  public init(of model: Model, average: Average = .equal, useBuffers: Bool = false, _ make: () -> Model) {
    module = skipInit(make)
    nAveraged = .zeros([], dtype: .int64)
    self.average = average
    self.useBuffers = useBuffers
    super.init()
    copy(model.namedState.map(\.cell.tensor), to: module.namedState.map(\.cell))
    module.train(model.isTraining)
    if case .exponential(let decay) = average, !(decay >= 0 && decay <= 1) {
      report(OpError("AveragedModel", "the decay must be between 0 and 1, got \(decay)"))
    }
  }

  private func copy(_ values: [Tensor], to cells: [any StateCell]) {
    guard values.count == cells.count, zip(values, cells).allSatisfy({ $0.shape == $1.tensor.shape }) else {
      return report(OpError("AveragedModel", "the models have different parameters"))
    }
    for (value, cell) in zip(values, cells) { cell.tensor = value }
  }

  /// Takes the present parameters of `model` into the average.
  /// SeeAlso: torch.optim.swa_utils.AveragedModel.update_parameters
  public func updateParameters(_ model: Model) {
    noGrad {
      let count = nAveraged.itemDouble()
      let weight: Double =
        switch average {
        case _ where count == 0: 1
        case .equal: 1 / (count + 1)
        case .exponential(let decay): 1 - decay
        }
      func cells(_ model: Module, averaged: Bool) -> [any StateCell] {
        let buffers: [any StateCell] = model.buffers
        if averaged { return model.parameters() + (useBuffers ? buffers : []) }
        return useBuffers ? [] : buffers
      }
      for (mine, other) in zip(cells(module, averaged: true), cells(model, averaged: true)) {
        let (old, new) = (mine.tensor.detached(), other.tensor.detached())
        if weight == 1 {
          mine.tensor = new
        } else if old.dtype.isFloatingPoint {
          mine.tensor = old.lerp(new, weight: weight)
        } else {
          mine.tensor = (old + (new - old).to(.float32) * weight).to(old.dtype)
        }
      }
      copy(cells(model, averaged: false).map(\.tensor), to: cells(module, averaged: false))
      nAveraged = nAveraged + 1
    }
  }
}

/// Measures the running statistics of all batch norms anew over these inputs. SeeAlso: torch.optim.swa_utils.update_bn
public func updateBatchNorm(_ inputs: some Sequence<Tensor>, _ model: some UnaryLayer) {
  let norms = model.modules.compactMap { $0 as? BatchNorm }
  if norms.isEmpty { return }
  let wasTraining = model.isTraining
  model.train()
  let momentums = norms.map(\.momentum)
  for norm in norms {
    norm.resetRunningStats()
    norm.momentum = nil  // all batches count the same
  }
  noGrad { for input in inputs { _ = model(input) } }
  for (norm, momentum) in zip(norms, momentums) { norm.momentum = momentum }
  model.train(wasTraining)
}
