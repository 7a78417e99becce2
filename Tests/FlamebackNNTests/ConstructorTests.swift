import Flameback
import Testing

/// A constructor with arguments that PyTorch's refuses by a ValueError or RuntimeError.
struct BadConstructor: Sendable, CustomTestStringConvertible {
  let name: String
  let run: @Sendable () -> Any

  init(_ name: String, _ run: @escaping @Sendable () -> Any) { (self.name, self.run) = (name, run) }
  var testDescription: String { name }

  var sentence: String? {
    do {
      _ = try withErrors(run)
      return nil
    } catch { return "\(error)" }
  }
}

@Suite struct ConstructorTests {
  private static func parameters() -> [ParameterCell] { Linear(2, 2).parameters() }
  private static func sgd(momentum: Double = 0) -> SGD { SGD(parameters(), lr: 0.1, momentum: momentum) }

  private static let layers: [BadConstructor] = [
    .init("Conv2d.groups0") { Conv2d(4, 4, kernelSize: 3, groups: 0) },
    .init("Conv2d.groupsNegative") { Conv2d(4, 4, kernelSize: 3, groups: -1) },
    .init("Conv2d.in") { Conv2d(3, 4, kernelSize: 3, groups: 2) },
    .init("Conv2d.out") { Conv2d(4, 3, kernelSize: 3, groups: 2) },
    .init("Conv1d.same") { Conv1d(2, 2, kernelSize: 3, stride: 2, padding: .same) },
    .init("Conv3d.groups") { Conv3d(3, 3, kernelSize: 1, groups: 2) },
    .init("ConvTranspose2d.groups") { ConvTranspose2d(3, 4, kernelSize: 3, groups: 2) },
    .init("Dropout.above") { Dropout(1.1) }, .init("Dropout.below") { Dropout(-0.1) },
    .init("Dropout.nan") { Dropout(.nan) },
    .init("Dropout2d") { Dropout2d(2) }, .init("Dropout1d") { Dropout1d(-1) }, .init("Dropout3d") { Dropout3d(2) },
    .init("AlphaDropout") { AlphaDropout(-1) }, .init("FeatureAlphaDropout") { FeatureAlphaDropout(2) },
    .init("RNN.input") { RNN(0, 2) }, .init("RNN.hidden") { GRU(2, 0) },
    .init("RNN.layers") { LSTM(2, 2, numLayers: 0) },
    .init("RNN.negative") { LSTM(-1, 2) }, .init("RNN.dropout") { LSTM(2, 2, dropout: 1.5) },
    .init("GRU.dropout") { GRU(2, 2, dropout: -0.5) },
    .init("LSTM.proj") { LSTM(2, 2, projSize: 2) }, .init("LSTM.projNegative") { LSTM(2, 2, projSize: -1) },
    .init("RNN.huge") { RNN(Int.max, 2) }, .init("LSTMCell.huge") { LSTMCell(2, Int.max) },
    .init("Linear.huge") { Linear(Int.max, Int.max) },
    .init("Linear.negative") { Linear(-1, 2) }, .init("Embedding.huge") { Embedding(Int.max, Int.max) },
    .init("MultiheadAttention.huge") { MultiheadAttention(Int.max, 1) },
    .init("Conv2d.huge") { Conv2d(Int.max, Int.max, kernelSize: Int.max) },
    .init("LayerNorm.huge") { LayerNorm([Int.max, Int.max]) }, .init("BatchNorm2d.huge") { BatchNorm2d(Int.max) },
    .init("MultiheadAttention.heads") { MultiheadAttention(6, 4) },
    .init("MultiheadAttention.zero") { MultiheadAttention(0, 1) },
    .init("MultiheadAttention.noHeads") { MultiheadAttention(4, 0) },
    .init("TransformerEncoderLayer.heads") { TransformerEncoderLayer(6, 4) },
    .init("TransformerDecoderLayer.heads") { TransformerDecoderLayer(6, 4) },
    .init("Transformer.heads") { Transformer(dModel: 6, nhead: 4, numEncoderLayers: 1, numDecoderLayers: 1) },
    .init("TransformerEncoderLayer.dropout") { TransformerEncoderLayer(4, 2, dropout: 2) },
    .init("GroupNorm") { GroupNorm(2, 3) }, .init("GroupNorm.zero") { GroupNorm(0, 3) },
    .init("Embedding.padding") { Embedding(3, 2, paddingIdx: 3) },
    .init("Embedding.paddingNegative") { Embedding(3, 2, paddingIdx: -4) },
    .init("EmbeddingBag.padding") { EmbeddingBag(3, 2, paddingIdx: 3) },
    .init("Embedding.negative") { Embedding(-1, 2) },
    .init("Bilinear") { Bilinear(0, 2, 2) }, .init("Bilinear.negative") { Bilinear(-1, 2, 2) },
    .init("MultiMarginLoss.p") { MultiMarginLoss(p: 3) },
    .init("MultiMarginLoss.weight") { MultiMarginLoss(weight: Tensor.ones(2, 2)) },
    .init("TripletMarginLoss") { TripletMarginLoss(margin: 0) },
    .init("TripletMarginWithDistanceLoss") { TripletMarginWithDistanceLoss(margin: -1) },
    .init("FractionalMaxPool2d.none") { FractionalMaxPool2d(2) },
    .init("FractionalMaxPool2d.both") { FractionalMaxPool2d(2, outputSize: 2, outputRatio: 0.5) },
    .init("FractionalMaxPool2d.ratio") { FractionalMaxPool2d(2, outputRatio: 1.0) },
    .init("FractionalMaxPool3d.none") { FractionalMaxPool3d(2) },
    .init("FractionalMaxPool3d.ratio") { FractionalMaxPool3d(2, outputRatio: 0.0) },
    .init("FractionalMaxPool3d.kernel") { FractionalMaxPool3d(0, outputSize: 2) },
    .init("AdaptiveLogSoftmax.none") { AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs: []) },
    .init("AdaptiveLogSoftmax.order") { AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs: [3, 2]) },
    .init("AdaptiveLogSoftmax.equal") { AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs: [2, 2]) },
    .init("AdaptiveLogSoftmax.large") { AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs: [2, 6]) },
    .init("AdaptiveLogSoftmax.zero") { AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs: [0, 2]) },
    .init("Hardtanh") { Hardtanh(2, 1) },
    .init("CrossEntropyLoss.ignored") { CrossEntropyLoss(ignoreIndex: 1)(Tensor.ones(2, 3), Tensor.ones(2, 3)) },
    .init("CrossEntropyLoss.smoothing") { CrossEntropyLoss(labelSmoothing: 1.5)(Tensor.ones(2, 3), Tensor([0, 1])) },
    .init("HuberLoss.delta") { HuberLoss(delta: 0)(Tensor.ones(2), Tensor.ones(2)) },
    .init("SmoothL1Loss.beta") { SmoothL1Loss(beta: -1)(Tensor.ones(2), Tensor.ones(2)) },
    .init("BatchNorm2d.rank") { BatchNorm2d(2)(Tensor.ones(1, 2, 3)) },
    .init("BatchNorm1d.rank") { BatchNorm1d(2)(Tensor.ones(1, 2, 3, 3)) },
    .init("InstanceNorm2d.rank") { InstanceNorm2d(2)(Tensor.ones(2, 2)) },
    .init("BatchNorm1d.one") { BatchNorm1d(2)(Tensor.ones(1, 2)) },
    .init("InstanceNorm1d.one") { InstanceNorm1d(2)(Tensor.ones(1, 2, 1)) },
  ]

  private static let optimizers: [BadConstructor] = [
    .init("SGD.lr") { SGD(parameters(), lr: -1) }, .init("SGD.momentum") { SGD(parameters(), momentum: -0.1) },
    .init("SGD.decay") { SGD(parameters(), weightDecay: -0.1) },
    .init("SGD.nesterov") { SGD(parameters(), nesterov: true) },
    .init("SGD.nesterovDampening") { SGD(parameters(), momentum: 0.9, dampening: 0.1, nesterov: true) },
    .init("Adam.lr") { Adam(parameters(), lr: -1) }, .init("Adam.beta0") { Adam(parameters(), betas: (1, 0.9)) },
    .init("Adam.beta1") { Adam(parameters(), betas: (0.9, -0.1)) }, .init("Adam.eps") { Adam(parameters(), eps: -1) },
    .init("Adam.decay") { Adam(parameters(), weightDecay: -1) },
    .init("AdamW.beta") { AdamW(parameters(), betas: (0.9, 1)) },
    .init("Adagrad.lr") { Adagrad(parameters(), lr: -1) },
    .init("Adagrad.lrDecay") { Adagrad(parameters(), lrDecay: -1) },
    .init("Adagrad.initial") { Adagrad(parameters(), initialAccumulatorValue: -1) },
    .init("Adagrad.eps") { Adagrad(parameters(), eps: -1) },
    .init("Adagrad.decay") { Adagrad(parameters(), weightDecay: -1) },
    .init("Adadelta.rho") { Adadelta(parameters(), rho: 1.1) },
    .init("Adadelta.eps") { Adadelta(parameters(), eps: -1) },
    .init("Adamax.beta") { Adamax(parameters(), betas: (1, 0.9)) },
    .init("Adamax.decay") { Adamax(parameters(), weightDecay: -1) },
    .init("ASGD.lr") { ASGD(parameters(), lr: -1) }, .init("ASGD.lambd") { ASGD(parameters(), lambd: -1) },
    .init("ASGD.alpha") { ASGD(parameters(), alpha: -1) }, .init("ASGD.decay") { ASGD(parameters(), weightDecay: -1) },
    .init("NAdam.momentumDecay") { NAdam(parameters(), momentumDecay: -1) },
    .init("NAdam.beta") { NAdam(parameters(), betas: (0.9, 1)) },
    .init("RAdam.beta") { RAdam(parameters(), betas: (-0.1, 0.9)) },
    .init("RAdam.eps") { RAdam(parameters(), eps: -1) },
    .init("RMSprop.alpha") { RMSprop(parameters(), alpha: -1) },
    .init("RMSprop.momentum") { RMSprop(parameters(), momentum: -1) },
    .init("Rprop.etas") { Rprop(parameters(), etas: (1.1, 1.2)) },
    .init("Rprop.etas2") { Rprop(parameters(), etas: (0.5, 1)) },
    .init("SparseAdam.lr") { SparseAdam(parameters(), lr: 0) },
    .init("SparseAdam.eps") { SparseAdam(parameters(), eps: 0) },
    .init("SparseAdam.complex") { SparseAdam([ParameterCell(Tensor.zeros(2, dtype: .complex64))]) },
    .init("Adafactor.decay") { Adafactor(parameters(), beta2Decay: 0.1) },
    .init("Adafactor.d") { Adafactor(parameters(), d: 0.5) },
    .init("Adafactor.eps") { Adafactor(parameters(), eps: (-1, 1e-3)) },
    .init("Adafactor.eps2") { Adafactor(parameters(), eps: (nil, -1)) },
    .init("Muon.momentum") { Muon([ParameterCell(Tensor.ones(2, 2))], momentum: -1) },
    .init("Muon.decay") { Muon([ParameterCell(Tensor.ones(2, 2))], weightDecay: -1) },
    .init("Muon.vector") { Muon([ParameterCell(Tensor.ones(2))]) }, .init("LBFGS.lr") { LBFGS(parameters(), lr: -1) },
    .init("none") { SGD([ParameterCell](), lr: 0.1) },
    .init("twice") { () -> Any in
      let p = parameters(); return SGD(p + p, lr: 0.1)
    },
    .init("groups") { () -> Any in
      let p = parameters(); return SGD([ParameterGroup(p), ParameterGroup(p)], lr: 0.1)
    },
    .init("GradScaler.growth") { GradScaler(growthFactor: 1) },
    .init("GradScaler.backoff") { GradScaler(backoffFactor: 1) },
  ]

  private static let schedulers: [BadConstructor] = [
    .init("LambdaLR") { LambdaLR(sgd(), [{ _ in 1 }, { _ in 1 }]) },
    .init("MultiplicativeLR") { MultiplicativeLR(sgd(), [{ _ in 1 }, { _ in 1 }]) },
    .init("ConstantLR.above") { ConstantLR(sgd(), factor: 1.5) },
    .init("ConstantLR.below") { ConstantLR(sgd(), factor: -0.5) },
    .init("LinearLR.start") { LinearLR(sgd(), startFactor: 0) },
    .init("LinearLR.startAbove") { LinearLR(sgd(), startFactor: 1.5) },
    .init("LinearLR.end") { LinearLR(sgd(), endFactor: 1.5) },
    .init("SequentialLR.none") { SequentialLR(sgd(), schedulers: [], milestones: []) },
    .init("SequentialLR.other") { SequentialLR(sgd(), schedulers: [StepLR(sgd(), stepSize: 1)], milestones: []) },
    .init("SequentialLR.milestones") { () -> Any in
      let s = sgd(); return SequentialLR(s, schedulers: [StepLR(s, stepSize: 1)], milestones: [1])
    },
    .init("ChainedScheduler.none") { ChainedScheduler([]) },
    .init("ChainedScheduler.other") { ChainedScheduler([StepLR(sgd(), stepSize: 1), StepLR(sgd(), stepSize: 1)]) },
    .init("ReduceLROnPlateau.factor") { ReduceLROnPlateau(sgd(), factor: 1) },
    .init("ReduceLROnPlateau.min") { ReduceLROnPlateau(sgd(), minLR: [0, 0]) },
    .init("CyclicLR.momentum") { CyclicLR(Adagrad(parameters()), baseLR: 0.1, maxLR: 0.2) },
    .init("CyclicLR.rates") { CyclicLR(sgd(momentum: 0.9), baseLR: [0.1, 0.1], maxLR: [0.2]) },
    .init("CyclicLR.size") { CyclicLR(sgd(momentum: 0.9), baseLR: 0.1, maxLR: 0.2, stepSizeUp: 0) },
    .init("WarmRestarts.t0") { CosineAnnealingWarmRestarts(sgd(), t0: 0) },
    .init("WarmRestarts.tMult") { CosineAnnealingWarmRestarts(sgd(), t0: 1, tMult: 0) },
    .init("CosineAnnealingLR") { CosineAnnealingLR(sgd(), tMax: 0) }, .init("StepLR") { StepLR(sgd(), stepSize: 0) },
    .init("OneCycleLR.steps") { OneCycleLR(sgd(momentum: 0.9), maxLR: 0.1, totalSteps: 0) },
    .init("OneCycleLR.pct") { OneCycleLR(sgd(momentum: 0.9), maxLR: 0.1, totalSteps: 5, pctStart: 1.5) },
    .init("OneCycleLR.momentum") { OneCycleLR(Adagrad(parameters()), maxLR: 0.1, totalSteps: 5) },
    .init("SWALR") { SWALR(sgd(), swaLR: 0.1, annealEpochs: -1) },
    .init("SWALR.rates") { SWALR(sgd(), swaLR: [0.1, 0.1]) },
    .init("LastEpoch") { StepLR(sgd(), stepSize: 1, lastEpoch: 3) },
  ]

  @Test(arguments: layers + optimizers + schedulers) func whatPyTorchRefusesIsRefused(_ call: BadConstructor) {
    #expect((call.sentence?.count ?? 0) > 10, "\(call.name): \(call.sentence ?? "taken")")
  }

  /// Rates at degenerate lengths are numbers.
  @Test func degenerateSchedulesHaveRates() {
    let optimizer = Self.sgd(momentum: 0.9)
    let schedulers: [LRScheduler] = [
      OneCycleLR(optimizer, maxLR: 1, totalSteps: 10, pctStart: 0.1), OneCycleLR(optimizer, maxLR: 1, totalSteps: 1),
      OneCycleLR(optimizer, maxLR: 1, totalSteps: 10, pctStart: 0),
      OneCycleLR(optimizer, maxLR: 1, totalSteps: 10, pctStart: 1),
      OneCycleLR(optimizer, maxLR: 1, totalSteps: 10, pctStart: 0.1, threePhase: true),
      ConstantLR(optimizer, factor: 0, totalIters: 2), LinearLR(optimizer, totalIters: 0),
      PolynomialLR(optimizer, totalIters: 0),
      PolynomialLR(optimizer, totalIters: 1), CosineAnnealingLR(optimizer, tMax: 1),
      CosineAnnealingLR(optimizer, tMax: Int.max),
      CyclicLR(optimizer, baseLR: 0.1, maxLR: 0.2, stepSizeUp: 1, stepSizeDown: 0),
      SWALR(optimizer, swaLR: 0.1, annealEpochs: 0),
    ]
    for scheduler in schedulers {
      for _ in 0..<4 where (scheduler as? OneCycleLR) == nil || scheduler.lastEpoch < 1 {
        #expect(scheduler.rates.allSatisfy { $0.isFinite }, "\(type(of: scheduler)): \(scheduler.rates)")
        scheduler.step()
      }
      if let closed = scheduler.closedForm() { #expect(closed.allSatisfy { $0.isFinite }, "\(type(of: scheduler))") }
    }
  }
}
