import Flameback
import FlamebackCore
import Testing

/// Memory is written over where nobody else looks, and nowhere else.
@Suite struct InPlaceTests {
  private func address(_ x: Tensor) -> UnsafeMutableRawPointer { x.hostView.pointer }

  @Test func compoundOperatorsWriteOverTheirVariable() {
    var x = Tensor.arange(0, 6).to(.float32).reshape([2, 3])
    let place = address(x)
    x += 1
    x *= Tensor([2, 3, 4] as [Float], shape: [3])
    x -= Tensor.ones([2, 3])
    x /= 2
    #expect(x.equal(Tensor([0.5, 2.5, 5.5, 3.5, 7, 11.5] as [Float], shape: [2, 3])))
    #expect(address(x) == place)
  }

  @Test func compoundOperatorsSpareOthers() {
    let x = Tensor.ones([4])
    var y = x
    y += 1
    #expect(x.equal(.ones([4])) && y.equal(.full([4], 2.0)))
    var row = Tensor.zeros([3, 4])
    let view = row[1]
    row += 1
    #expect(view.equal(.zeros([4])))
    var own = Tensor.arange(0, 4).to(.float32)
    own += own
    #expect(own.equal(Tensor([0, 2, 4, 6] as [Float], shape: [4])))
    var wide = Tensor.ones([3]).expand([2, 3])
    wide += 1
    #expect(wide.equal(.full([2, 3], 2.0)))
    var integer = Tensor([1, 2] as [Int32], shape: [2])
    integer += 1
    #expect(integer.dtype == .int32 && integer.equal(Tensor([2, 3] as [Int32], shape: [2])))
    let wrong = Result {
      try withErrors {
        var x = Tensor.ones([2]); x += Tensor.ones([3, 2]); return x
      }
    }
    #expect(throws: OpError.self) { try wrong.get() }
  }

  @Test func compoundOperatorsAreDifferentiated() {
    let w = Tensor([1, 2] as [Float], shape: [2]).requiringGrad()
    var x = w * 3
    let before = x
    x *= w
    x += 1
    (x + before).sum().backward()
    #expect(w.grad!.equal(Tensor([9, 15] as [Float], shape: [2])))  // 3 w² + 1 + 3 w
    var plain = Tensor.ones([2])
    plain += w
    #expect(plain.requiresGrad)
  }

  /// Sums of gradients are written over the first, unless somebody has seen it.
  @Test func gradientsThatOthersHoldStay() {
    let w = Tensor.ones([3]).requiringGrad()
    (w * 2).sum().backward()
    let first = w.grad!
    (w * 3).sum().backward()
    #expect(first.equal(.full([3], 2.0)) && w.grad!.equal(.full([3], 5.0)))
    let given = Tensor.ones([3])
    for _ in 0..<2 { (w * 1).backward(gradient: given) }
    #expect(given.equal(.ones([3])) && w.grad!.equal(.full([3], 7.0)))

    nonisolated(unsafe) var seen: [Tensor] = []
    let x = Tensor.ones([3]).requiringGrad()
    let y = x * 1
    y.registerHook {
      seen.append($0)
      return nil
    }
    y.retainGrad()
    (y * 2 + y * 3 + y.exp()).sum().backward()
    let total = Tensor.full([3], 5.0) + Tensor.ones([3]).exp()
    #expect(seen.count == 1 && seen[0].equal(total) && y.grad!.equal(total) && x.grad!.equal(total))
    let again = x * 1
    again.retainGrad()
    (again + again + again).sum().backward()
    #expect(again.grad!.equal(.full([3], 3.0)) && y.grad!.equal(total))
  }

  @Test func sumsKeepTheirGraph() {
    let x = Tensor([2] as [Double], shape: [1]).requiringGrad()
    let y = x * x * x + x * x
    let first = grad(of: y.sum(), wrt: x, createGraph: true)
    let second = grad(of: first.sum(), wrt: x, createGraph: true)
    #expect(first.itemDouble() == 16 && second.itemDouble() == 14)
  }

  @Test func sumsOfManyGradients() {
    let x = Tensor.randn([64]).requiringGrad()
    let model = { (x: Tensor) in x.sin() + x.cos() + x.exp() }
    let g = grad(of: model(x).sum(), wrt: x)
    let v = x.detached()
    #expect(g.allClose(v.cos() - v.sin() + v.exp(), rtol: 1e-6, atol: 1e-6))
  }

  /// Both terms of a sum get the same gradient, which is one array until one of them changes.
  @Test func sumsPassTheirGradientOn() {
    let (a, b) = (Tensor.randn([5]).requiringGrad(), Tensor.randn([2, 5]).requiringGrad())
    let c = Tensor.randn([2, 5]).requiringGrad()
    ((b + c) * 3 + a).sum().backward()
    #expect(b.grad!.sharesStorage(with: c.grad!))
    #expect(a.grad!.equal(.full([5], 2.0)) && b.grad!.equal(.full([2, 5], 3.0)))
    (b + a).sum().backward()
    #expect(a.grad!.equal(.full([5], 4.0)) && b.grad!.equal(.full([2, 5], 4.0)) && c.grad!.equal(.full([2, 5], 3.0)))
    let wide = Tensor.randn([3], dtype: .float64).requiringGrad()
    let narrow = Tensor.randn([3]).requiringGrad()
    (wide + narrow).sum().backward()
    #expect(wide.grad!.dtype == .float64 && narrow.grad!.dtype == .float32)
  }
}
