import Flameback
import FlamebackCore
import Foundation
import Testing

/// A cache that grows in place is a value.
@Suite struct TensorCacheTests {
  private func rows(_ range: Range<Int>) -> Tensor {
    Tensor.arange(Double(range.lowerBound), Double(range.upperBound)).to(.float32).reshape([1, range.count, 1])
      .expand([2, range.count, 3]) + Tensor.arange(0, 6).to(.float32).reshape([2, 1, 3]) / 8
  }

  @Test func growsAndKeepsOlderValues() {
    for dim in [1, -2] {
      var cache = TensorCache(dim: dim)
      #expect(cache.value == nil && cache.count == 0)
      var seen: [Tensor] = []
      for i in 0..<20 { seen.append(cache.append(rows(i..<i + 1))) }
      for (i, value) in seen.enumerated() { #expect(value.equal(rows(0..<i + 1))) }
      #expect(cache.append(rows(20..<33)).equal(rows(0..<33)) && cache.count == 33 && cache.capacity >= 33)
      #expect(cache.value!.equal(rows(0..<33)))
    }
  }

  @Test func copiesGoTheirOwnWays() {
    var cache = TensorCache(dim: 1, capacity: 16)
    cache.append(rows(0..<4))
    var other = cache
    let value = cache.append(rows(4..<6))
    other.append(rows(10..<12))
    other.append(rows(12..<13))
    #expect(value.equal(rows(0..<6)) && cache.value!.equal(rows(0..<6)))
    #expect(other.value!.equal(.cat([rows(0..<4), rows(10..<13)], dim: 1)))
    #expect(!value.sharesStorage(with: other.value!) && cache.capacity == 16)
  }

  @Test func truncatedRowsStayWithTheirReaders() {
    var cache = TensorCache(dim: 1, capacity: 8)
    let before = cache.append(rows(0..<5))
    cache.truncate(to: 2)
    #expect(cache.value!.equal(rows(0..<2)))
    cache.append(rows(7..<9))
    #expect(before.equal(rows(0..<5)))
    #expect(cache.value!.equal(.cat([rows(0..<2), rows(7..<9)], dim: 1)))
    cache.truncate(to: 0)
    #expect(cache.append(rows(3..<4)).equal(rows(3..<4)))
  }

  @Test func whoeverChangesAViewHasACopy() {
    var cache = TensorCache(dim: 1, capacity: 8)
    var value = cache.append(rows(0..<3))
    value += 1
    value[0, 0, 0] = 9
    #expect(cache.value!.equal(rows(0..<3)))
    cache.append(rows(3..<4))
    #expect(cache.value!.equal(rows(0..<4)))
  }

  @Test func badInput() throws {
    var cache = TensorCache(dim: 1)
    cache.append(rows(0..<2))
    let wrong: [(inout TensorCache) -> Void] = [
      { $0.append(.ones([2, 1, 4])) }, { $0.append(.ones([2, 1])) }, { $0.append(.ones([2, 1, 3], dtype: .float64)) },
      { $0.append(Tensor.ones([2, 1, 3]).requiringGrad()) }, { $0.truncate(to: 3) }, { $0.truncate(to: -1) },
      {
        $0 = TensorCache(dim: 4); $0.append(.ones([2]))
      }, { $0 = TensorCache(dim: 0, capacity: -1) },
    ]
    for body in wrong {
      #expect(throws: OpError.self) {
        try withErrors {
          var copy = cache
          body(&copy)
        }
      }
    }
    #expect(cache.value!.equal(rows(0..<2)))
    noGrad { _ = cache.append(Tensor.ones([2, 1, 3]).requiringGrad()) }
    #expect(cache.count == 3 && !cache.value!.requiresGrad)
  }

  /// What appending copies, in bytes; the process has the counter to itself.
  @Test func appendingWritesTheNewRowsOnly() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let row = 4 * 8 * 4
      var cache = TensorCache(dim: 2, capacity: 4096)
      let token = Tensor.ones([1, 4, 1, 8])
      cache.append(Tensor.randn([1, 4, 4000, 8]))
      func bytes(_ body: () -> Void) -> Int {
        let before = CopiedBytes.total
        body()
        return CopiedBytes.total - before
      }
      var values: [Tensor] = []
      for _ in 0..<10 where bytes({ values.append(cache.append(token)) }) != row { exit(1) }
      // A truncated cache writes in place if nobody holds what it cuts off, and copies once otherwise.
      values = []
      if bytes({
        cache.truncate(to: 4000); cache.append(token)
      }) != row {
        exit(2)
      }
      let held = cache.value!
      if bytes({
        cache.truncate(to: 4000); cache.append(token)
      }) != 4001 * row {
        exit(3)
      }
      if bytes({ cache.append(token) }) != row { exit(4) }
      withExtendedLifetime(held) {}
      // Growth by doubling: 1,000 single rows copy fewer than 2,000 further ones.
      var small = TensorCache(dim: 2)
      if bytes({ for _ in 0..<1000 { small.append(token) } }) >= 3000 * row { exit(5) }
      small.reserve(5000)
      if bytes({ for _ in 0..<4000 { small.append(token) } }) != 4000 * row { exit(6) }
      exit(0)
    }
  }
}
