import CKernels
import FlamebackCore
import FlamebackKernels

/// A number for each spatial dimension: `3` for all of them, `[3, 5]` one by one.
public protocol Sizes: Sendable {
  var sizes: [Int] { get }
}

extension Int: Sizes { public var sizes: [Int] { [self] } }
extension Array: Sizes where Element == Int { public var sizes: [Int] { self } }

extension Sizes {
  /// The numbers for `count` dimensions.
  func spread(_ what: String, _ count: Int, op: String) throws(OpError) -> [Int] {
    let given = sizes
    guard given.count == 1 || given.count == count else {
      throw OpError(op, "\(what) must be one int or \(count) ints, got \(given)")
    }
    return given.count == count ? given : Array(repeating: given[0], count: count)
  }
}

/// What CKernels wants: always three dimensions, missing leading ones filled.
typealias Triple = (Int64, Int64, Int64)

func triple(_ values: some Collection<Int>, fill: Int = 1) -> Triple {
  let all = Array(repeating: fill, count: 3 - values.count) + values
  return (Int64(all[0]), Int64(all[1]), Int64(all[2]))
}

func pair(_ values: [Int]) -> (Int64, Int64) { (Int64(values[0]), Int64(values[1])) }

/// Runs a kernel over ranges of planes, each of about `work` elements.
func forEachPlane(_ count: Int, work: Int, _ body: (Int64, Int64) -> Void) {
  ThreadPool.run(count: count, grain: max(1, 16384 / max(work, 1))) { range in
    body(Int64(range.lowerBound), Int64(range.upperBound))
  }
}

extension Tensor {
  /// The tensor with a batch dimension, and whether one was added: operations on `n` spatial dimensions take
  /// [batch, channels, spatial...] or [channels, spatial...].
  func batched(_ n: Int, op: String) throws(OpError) -> (Tensor, Bool) {
    guard rank == n + 1 || rank == n + 2 else {
      throw OpError(op, "expected a \(n + 1)-d (unbatched) or \(n + 2)-d (batched) input, got \(spec)")
    }
    return rank == n + 1 ? (unsqueeze(0), true) : (self, false)
  }

  func unbatched(_ wasAdded: Bool) -> Tensor { wasAdded ? squeeze(0) : self }
}
