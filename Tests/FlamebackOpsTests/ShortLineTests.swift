import Flameback
import Testing

/// Many short lines take ways of their own: each is compared with the same work done otherwise.
@Suite struct ShortLineTests {
  private static func values(_ shape: [Int], _ dtype: DType = .float32) -> Tensor {
    let count = shape.reduce(1, *)
    return ((Tensor.arange(0, count, dtype: .float64) * 0.7391).sin() * 4 + 0.01).reshape(shape).to(dtype)
  }

  /// Rows and a number each, and rows and one row: more than a tile, and more than one thread's share.
  @Test(arguments: [1, 2, 3, 5, 8, 13, 16, 33, 128, 129, 600], [37, 5000])
  func broadcasting(columns: Int, rows: Int) {
    for dtype in [DType.float32, .float64, .int32, .int64, .bfloat16] {
      let a = Self.values([rows, columns], dtype)
      for b in [
        Self.values([rows, 1], dtype), Self.values([columns], dtype) + 7, Self.values([2, rows, 1], dtype),
      ] {
        let shape = (a + b).shape.array
        let (wholeA, wholeB) = (a.expand(shape).contiguous(), b.expand(shape).contiguous())
        #expect((a + b).equal(wholeA + wholeB) && (b - a).equal(wholeB - wholeA))
        #expect((a * b).equal(wholeA * wholeB) && (a - b).equal(wholeA - wholeB))
        if dtype.isFloatingPoint { #expect((a / b).equal(wholeA / wholeB) && (b / a).equal(wholeB / wholeA)) }
        // A program of several steps.
        #expect((a * b + a).relu().equal((wholeA * wholeB + wholeA).relu()))
      }
    }
  }

  @Test(arguments: [1, 2, 3, 7, 8, 9, 10, 15, 16, 17])
  func softmaxAndCrossEntropy(classes: Int) {
    for rows in [1, 127, 300] {
      let target = (Tensor.arange(0, rows) * 5).remainder(classes)
      func results(_ dtype: DType) -> [Tensor] {
        let x = Self.values([rows, classes], dtype).detached().requiringGrad()
        let parts = [
          x.softmax(dim: 1), x.logSoftmax(dim: 1), x.crossEntropy(target), x.crossEntropy(target, reduction: .none),
        ]
        let weighed = parts.map { ($0 * Self.values($0.shape.array, dtype)).sum() }
        weighed.dropFirst().reduce(weighed[0], +).backward()
        return parts.map { $0.detached() } + [x.grad!]
      }
      // Columns of another layout go another way.
      let x = Self.values([rows, classes], .float64)
      #expect(x.softmax(dim: 1).allClose(x.t().contiguous().softmax(dim: 0).t(), rtol: 1e-12, atol: 1e-14))
      for (float, double) in zip(results(.float32), results(.float64)) {
        #expect(float.to(.float64).allClose(double, rtol: 1e-5, atol: 2e-6))
      }
      for (half, double) in zip(results(.bfloat16), results(.float64)) {
        #expect(half.to(.float64).allClose(double, rtol: 0.06, atol: 0.06))
      }
    }
    #expect(Tensor.full([3, classes], .float(-.infinity)).softmax(dim: 1).isNaN().all().itemInt() == 1)
  }

  @Test func gatherOfShortLines() {
    let x = Self.values([300, 5])
    let index = (Tensor.arange(0, 600) * 3).remainder(5).reshape([300, 2])
    let expected = (0..<300).flatMap { i in (0..<2).map { x[i, index[i, $0].itemInt()].itemDouble() } }
    #expect(x.gather(dim: 1, index: index).reshape([600]).equal(Tensor(expected).to(.float32)))
    // Fewer lines than the source has, and lines that do not lie one behind the other.
    #expect(x.gather(dim: 1, index: index[0..<7]).equal(x.gather(dim: 1, index: index)[0..<7]))
    #expect(x.t().contiguous().t().gather(dim: 1, index: index).equal(x.gather(dim: 1, index: index)))
    let deep = Self.values([4, 6, 5]), places = (Tensor.arange(0, 24) * 3).remainder(5).reshape([3, 4, 2])
    #expect(deep.gather(dim: 2, index: places).equal(deep[0..<3, 0..<4].contiguous().gather(dim: 2, index: places)))
    #expect(
      (try? withErrors { x.gather(dim: 1, index: index + 4) }) == nil)
  }

  @Test(arguments: [1, 2, 3, 4, 5], [1, 2, 3, 4, 7])
  func smallProducts(columns: Int, depth: Int) {
    for rows in [1, 2, 4, 9] {
      let (a, b) = (Self.values([50, rows, depth]), Self.values([50, depth, columns]))
      let expected = (a.to(.float64).unsqueeze(3) * b.to(.float64).unsqueeze(1)).sum(dim: 2)
      let turned = b.transpose(1, 2).contiguous().transpose(1, 2), left = a.transpose(1, 2).contiguous().transpose(1, 2)
      for product in [a.matmul(b), a.matmul(turned), left.matmul(b), left.matmul(turned)] {
        #expect(product.to(.float64).allClose(expected, rtol: 1e-5, atol: 1e-4))
      }
    }
  }
}
