import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The log-likelihood of many classes: frequent ones at once, rare ones in clusters of smaller layers.
/// SeeAlso: torch.nn.AdaptiveLogSoftmaxWithLoss
public final class AdaptiveLogSoftmaxWithLoss: Module {
  public let inFeatures: Int
  public let nClasses: Int
  public let cutoffs: [Int]
  public let divValue: Double
  public let head: Linear
  public let tail: [Sequential]

  /// `cutoffs` rise between 1 and `nClasses` - 1: where the clusters begin.
  public init(
    _ inFeatures: Int, _ nClasses: Int, cutoffs: [Int], divValue: Double = 4, headBias: Bool = false
  ) {
    let fits =
      !cutoffs.isEmpty && cutoffs[0] > 0 && cutoffs.last! < nClasses && zip(cutoffs, cutoffs.dropFirst()).allSatisfy(<)
    let cutoffs = (fits ? cutoffs : []) + [nClasses]
    self.inFeatures = inFeatures
    self.nClasses = nClasses
    self.cutoffs = cutoffs
    self.divValue = divValue
    head = Linear(inFeatures, cutoffs[0] + cutoffs.count - 1, bias: headBias)
    var size = Double(inFeatures)
    tail = (0..<cutoffs.count - 1).map { i in
      size /= divValue
      let hidden = Int(size.rounded(.down))
      return Sequential(
        Linear(inFeatures, hidden, bias: false), Linear(hidden, cutoffs[i + 1] - cutoffs[i], bias: false))
    }
    super.init()
    if !fits {
      report(OpError("AdaptiveLogSoftmaxWithLoss", "cutoffs must rise between 1 and nClasses - 1: \(cutoffs)"))
    }
  }

  /// The log-likelihood of each target, and the loss: its negative mean.
  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> (output: Tensor, loss: Tensor) {
    let isBatched = target.rank == 1
    guard target.rank <= 1, input.rank == target.rank + 1, !isBatched || input.shape[0] == target.shape[0],
      target.elementCount > 0
    else {
      let failure = fail("AdaptiveLogSoftmaxWithLoss", "input and target do not fit: \(input.spec) × \(target.spec)")
      return (failure, failure)
    }
    let classes = target.reshape(-1).scalars(Int.self)
    guard let least = classes.min(), let largest = classes.max(), least >= 0, largest < nClasses else {
      let range = "\(classes.min() ?? 0) to \(classes.max() ?? 0)"
      let failure = fail("AdaptiveLogSoftmaxWithLoss", "targets must be in [0, \(nClasses - 1)], got \(range)")
      return (failure, failure)
    }
    let result = call([input, target]) { inputs in
      let all = logProb(isBatched ? inputs[0] : inputs[0].unsqueeze(0))
      let picked = all.gather(dim: 1, index: inputs[1].reshape(-1, 1)).squeeze(1)
      return [isBatched ? picked : picked.squeeze(0), -picked.mean()]
    }
    return (result[0], result[1])
  }

  /// The log-likelihoods of all classes. SeeAlso: torch.nn.AdaptiveLogSoftmaxWithLoss.log_prob
  public func logProb(_ input: Tensor) -> Tensor {
    let shortlist = cutoffs[0]
    let first = head(input).logSoftmax(dim: 1)
    var parts = [first.narrow(dim: 1, start: 0, length: shortlist)]
    for (i, cluster) in tail.enumerated() {
      let own = cluster(input).logSoftmax(dim: 1)
      parts.append(own + first.narrow(dim: 1, start: shortlist + i, length: 1))
    }
    return Tensor.cat(parts, dim: 1)
  }

  /// The likeliest class. SeeAlso: torch.nn.AdaptiveLogSoftmaxWithLoss.predict
  public func predict(_ input: Tensor) -> Tensor {
    let first = head(input)
    let likeliest = first.argmax(dim: 1)
    return select(where: likeliest .< cutoffs[0], likeliest, logProb(input).argmax(dim: 1))
  }
}
