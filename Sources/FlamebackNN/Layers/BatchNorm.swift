import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// What batch and instance norms share: scale and shift a channel, and running statistics.
public class StatisticsNorm: Module, UnaryLayer {
  public let numFeatures: Int
  public let eps: Double
  /// The weight of the newest batch in the running statistics; nil: all batches count the same.
  public package(set) var momentum: Double?
  public let affine: Bool
  public let trackRunningStats: Bool
  @Parameter public var weight: Tensor?
  @Parameter public var bias: Tensor?
  @Buffer public var runningMean: Tensor?
  @Buffer public var runningVar: Tensor?
  @Buffer public var numBatchesTracked: Tensor?

  public override class var stateVersion: Int { 2 }

  init(
    features numFeatures: Int, eps: Double, momentum: Double?, affine: Bool, trackRunningStats: Bool, bias: Bool = true
  ) {
    self.numFeatures = numFeatures
    self.eps = eps
    self.momentum = momentum
    self.affine = affine
    self.trackRunningStats = trackRunningStats
    weight = affine ? .ones([numFeatures]) : nil
    self.bias = affine && bias ? .zeros([numFeatures]) : nil
    runningMean = trackRunningStats ? .zeros([numFeatures]) : nil
    runningVar = trackRunningStats ? .ones([numFeatures]) : nil
    numBatchesTracked = trackRunningStats ? .zeros([], dtype: .int64) : nil
  }

  /// Forgets what was measured. SeeAlso: torch.nn.BatchNorm2d.reset_running_stats
  public func resetRunningStats() {
    guard trackRunningStats else { return }
    runningMean = runningMean.map { Tensor.zerosLike($0) }
    runningVar = runningVar.map { Tensor.onesLike($0) }
    numBatchesTracked = .zeros([], dtype: .int64)
  }

  /// The ranks of inputs, for the error.
  var ranks: [Int] { [] }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { x in
      if !ranks.contains(x.rank) {
        return fail(
          typeName, "expected an input of rank \(ranks.map(String.init).joined(separator: " or ")), got \(x.spec)")
      }
      return normalize(x)
    }
  }

  func normalize(_ x: Tensor) -> Tensor { x }

  public override var extraRepr: String {
    "\(numFeatures), eps=\(repr(eps)), momentum=\(repr(momentum)), affine=\(repr(affine)), "
      + "track_running_stats=\(repr(trackRunningStats))"
  }
}

/// Normalises each channel over the batch. SeeAlso: torch.nn.modules.batchnorm._BatchNorm
public class BatchNorm: StatisticsNorm {
  public init(
    _ numFeatures: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true,
    trackRunningStats: Bool = true,
    bias: Bool = true
  ) {
    super.init(
      features: numFeatures, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }

  override func normalize(_ x: Tensor) -> Tensor {
    if isTraining, eps <= 0 { return fail(typeName, "eps must be positive in training, got \(eps)", like: x.spec) }
    var count: Tensor?
    if isTraining {
      count = numBatchesTracked.map { $0 + 1 }
      if let count { numBatchesTracked = count }
    }
    let result =
      if let count, momentum == nil {
        x.batchNorm(
          runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, count: count, eps: eps)
      } else {
        x.batchNorm(
          runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias,
          training: isTraining || runningMean == nil, momentum: momentum ?? 0, eps: eps)
      }
    if isTraining, trackRunningStats {
      runningMean = result.runningMean
      runningVar = result.runningVar
    }
    return result.output
  }
}

/// Batch normalisation of vectors or sequences. SeeAlso: torch.nn.BatchNorm1d
public final class BatchNorm1d: BatchNorm { override var ranks: [Int] { [2, 3] } }

/// Batch normalisation of images. SeeAlso: torch.nn.BatchNorm2d
public final class BatchNorm2d: BatchNorm { override var ranks: [Int] { [4] } }

/// Batch normalisation of volumes. SeeAlso: torch.nn.BatchNorm3d
public final class BatchNorm3d: BatchNorm { override var ranks: [Int] { [5] } }

/// Batch normalisation of any rank; processes that train together measure together. SeeAlso: torch.nn.SyncBatchNorm
public final class SyncBatchNorm: BatchNorm { override var ranks: [Int] { [2, 3, 4, 5] } }

/// Normalises each channel of each sample. SeeAlso: torch.nn.modules.instancenorm._InstanceNorm
public class InstanceNorm: StatisticsNorm {
  public init(
    _ numFeatures: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = false,
    trackRunningStats: Bool = false, bias: Bool = true
  ) {
    super.init(
      features: numFeatures, eps: eps, momentum: momentum, affine: affine, trackRunningStats: trackRunningStats,
      bias: bias)
  }

  override func normalize(_ x: Tensor) -> Tensor {
    let isBatched = x.rank == ranks.last!
    let input = isBatched ? x : x.unsqueeze(0)
    if input.shape[1] != numFeatures, affine {
      return fail(typeName, "expected \(numFeatures) channels, got \(x.spec)")
    }
    if isTraining, let count = numBatchesTracked { numBatchesTracked = count + 1 }
    let result = input.instanceNorm(
      runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias,
      useInputStats: isTraining || !trackRunningStats, momentum: momentum ?? 0, eps: eps)
    if isTraining, trackRunningStats {
      runningMean = result.runningMean
      runningVar = result.runningVar
    }
    return isBatched ? result.output : result.output.squeeze(0)
  }
}

/// Instance normalisation of sequences. SeeAlso: torch.nn.InstanceNorm1d
public final class InstanceNorm1d: InstanceNorm { override var ranks: [Int] { [2, 3] } }

/// Instance normalisation of images. SeeAlso: torch.nn.InstanceNorm2d
public final class InstanceNorm2d: InstanceNorm { override var ranks: [Int] { [3, 4] } }

/// Instance normalisation of volumes. SeeAlso: torch.nn.InstanceNorm3d
public final class InstanceNorm3d: InstanceNorm { override var ranks: [Int] { [4, 5] } }
