import FlamebackCore
import FlamebackOps

/// The line search for the strong Wolfe conditions: the loss falls enough and its slope flattens enough.
/// SeeAlso: torch.optim.LBFGS(line_search_fn="strong_wolfe")
struct StrongWolfe {
  struct Point {
    var length: Double
    var loss: Double
    var gradient: Tensor
    var slope: Double
  }

  let direction: Tensor
  let loss: Double
  let gradient: Tensor
  let slope: Double
  let maxEvaluations: Int
  var toleranceChange = 1e-9
  let evaluate: (Double) -> (loss: Double, gradient: Tensor)

  init(
    direction: Tensor, loss: Double, gradient: Tensor, slope: Double, maxEvaluations: Int,
    evaluate: @escaping (Double) -> (loss: Double, gradient: Tensor)
  ) {
    self.direction = direction
    self.loss = loss
    self.gradient = gradient
    self.slope = slope
    self.maxEvaluations = maxEvaluations
    self.evaluate = evaluate
  }

  private func point(_ length: Double) -> Point {
    let (loss, gradient) = evaluate(length)
    return Point(length: length, loss: loss, gradient: gradient, slope: gradient.dot(direction).itemDouble())
  }

  private func fallsTooLittle(_ point: Point) -> Bool { point.loss > loss + 1e-4 * point.length * slope }
  private func isFlatEnough(_ point: Point) -> Bool { abs(point.slope) <= -0.9 * slope }

  func run(from length: Double) -> (loss: Double, gradient: Tensor, length: Double, evaluations: Int) {
    var evaluations = 1
    var rounds = 0
    let start = Point(length: 0, loss: loss, gradient: gradient, slope: slope)
    var previous = start
    var current = point(length)
    var bracket: [Point] = []
    var isDone = false
    while rounds < maxEvaluations {
      if fallsTooLittle(current) || (rounds > 1 && current.loss >= previous.loss) || current.slope >= 0 {
        isDone = !fallsTooLittle(current) && !(rounds > 1 && current.loss >= previous.loss) && isFlatEnough(current)
        bracket = isDone ? [current] : [previous, current]
        break
      }
      if isFlatEnough(current) {
        bracket = [current]
        isDone = true
        break
      }
      let bounds = (current.length + 0.01 * (current.length - previous.length), current.length * 10)
      let next = interpolate(previous, current, bounds)
      previous = current
      current = point(next)
      evaluations += 1
      rounds += 1
    }
    if bracket.isEmpty { bracket = [start, current] }
    if bracket.count == 2, !isDone {
      zoom(&bracket, &rounds, &evaluations)
    }
    let best = bracket.count == 2 && bracket[1].loss < bracket[0].loss ? bracket[1] : bracket[0]
    return (best.loss, best.gradient, best.length, evaluations)
  }

  /// Narrows the bracket until a point fulfils the conditions.
  private func zoom(_ bracket: inout [Point], _ rounds: inout Int, _ evaluations: inout Int) {
    let reach = direction.abs().amax().itemDouble()
    var progressWasSmall = false
    var low = bracket[0].loss <= bracket[1].loss ? 0 : 1
    while rounds < maxEvaluations {
      let ends = (min(bracket[0].length, bracket[1].length), max(bracket[0].length, bracket[1].length))
      if (ends.1 - ends.0) * reach < toleranceChange { break }
      var t = interpolate(bracket[0], bracket[1], nil)
      let margin = 0.1 * (ends.1 - ends.0)
      if min(ends.1 - t, t - ends.0) < margin {
        if progressWasSmall || t >= ends.1 || t <= ends.0 {
          t = abs(t - ends.1) < abs(t - ends.0) ? ends.1 - margin : ends.0 + margin
          progressWasSmall = false
        } else {
          progressWasSmall = true
        }
      } else {
        progressWasSmall = false
      }
      let new = point(t)
      evaluations += 1
      rounds += 1
      let high = 1 - low
      if fallsTooLittle(new) || new.loss >= bracket[low].loss {
        bracket[high] = new
        low = bracket[0].loss <= bracket[1].loss ? 0 : 1
      } else {
        let isDone = isFlatEnough(new)
        if !isDone, new.slope * (bracket[high].length - bracket[low].length) >= 0 { bracket[high] = bracket[low] }
        bracket[low] = new
        if isDone {
          bracket = [new]
          return
        }
      }
    }
    bracket = [bracket[low]]
  }

  /// Where the cubic through two points with slopes has its minimum.
  private func interpolate(_ a: Point, _ b: Point, _ bounds: (Double, Double)?) -> Double {
    let (lower, upper) = bounds ?? (min(a.length, b.length), max(a.length, b.length))
    let d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    let square = d1 * d1 - a.slope * b.slope
    guard square >= 0 else { return (lower + upper) / 2 }
    let d2 = square.squareRoot()
    let position =
      a.length <= b.length
      ? b.length - (b.length - a.length) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
      : a.length - (a.length - b.length) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2))
    return min(max(position, lower), upper)
  }
}
