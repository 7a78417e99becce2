import Flameback
import FlamebackTesting
import Testing

/// A call, and whether PyTorch refuses it.
struct RefusedCall: Sendable, CustomTestStringConvertible {
  let name: String
  let run: @Sendable () -> Any

  init(_ name: String, _ run: @escaping @Sendable () -> Any) {
    (self.name, self.run) = (name, run)
  }

  var testDescription: String { name }

  /// The sentence of the error; nil if there was none.
  func sentence() -> String? {
    do {
      _ = try withErrors(run)
      return nil
    } catch { return "\(error)" }
  }
}

/// What PyTorch 2.15 refuses is refused, and what it takes is taken: indices, targets, bools, empty sizes.
@Suite struct RefusalTests {
  private static let x = Tensor.arange(6.0).reshape(2, 3)
  private static let vector = Tensor.arange(4.0)
  private static let ones = Tensor.ones(1, 3)

  private static func row(_ k: Int) -> Tensor { Tensor([[k, 0, 0]]) }

  /// Functions of an index into a dimension of 2 (`vector`: 4; flat: 6).
  private static let indexed: [(String, Set<Int>, @Sendable (Int) -> Any)] = {
    let none: Set<Int> = []
    return [
      ("gather", none, { x.gather(dim: 0, index: row($0)) }),
      ("takeAlongDim", [-7, -3, -2, -1, 2, 3, 7], { x.takeAlongDim(row($0), dim: 0) }),
      ("takeAlongDim.flat", [2, 3], { x.takeAlongDim(Tensor([$0])) }),
      ("scatter", none, { x.scatter(dim: 0, index: row($0), src: ones) }),
      ("scatter.value", none, { x.scatter(dim: 0, index: row($0), value: 1) }),
      ("scatterAdd", none, { x.scatterAdd(dim: 0, index: row($0), src: ones) }),
      ("scatterAdd.columns", [2], { x.scatterAdd(dim: 1, index: Tensor([[$0], [0]]), src: Tensor.ones(2, 1)) }),
      ("scatterAdd.vector", [2, 3], { vector.scatterAdd(dim: 0, index: Tensor([$0]), src: Tensor([1.0])) }),
      ("scatterReduce", none, { x.scatterReduce(dim: 0, index: row($0), src: ones, reduce: .amax) }),
      ("scatterReduce.mean", none, { x.scatterReduce(dim: 0, index: row($0), src: ones, reduce: .mean) }),
      ("indexSelect", none, { x.indexSelect(dim: 0, index: Tensor([$0])) }),
      ("indexSelect.columns", [2], { x.indexSelect(dim: 1, index: Tensor([$0])) }),
      ("indexSelect.vector", [2, 3], { vector.indexSelect(dim: 0, index: Tensor([$0])) }),
      ("indexAdd", none, { x.indexAdd(dim: 0, index: Tensor([$0]), source: ones) }),
      ("indexCopy", none, { x.indexCopy(dim: 0, index: Tensor([$0]), source: ones) }),
      ("indexReduce", none, { x.indexReduce(dim: 0, index: Tensor([$0]), source: ones, reduce: .amax) }),
      ("indexFill", [-2, -1], { x.indexFill(dim: 0, index: Tensor([$0]), value: 1) }),
      ("take", [-3, -2, -1, 2, 3], { x.take(Tensor([$0])) }),
      ("put", [-3, -2, -1, 2, 3], { x.put(Tensor([$0]), Tensor([1.0])) }),
      ("put.add", [-3, -2, -1, 2, 3], { x.put(Tensor([$0]), Tensor([1.0]), accumulate: true) }),
      ("index", [-2, -1], { x[Tensor([$0])] }),
      ("indexPut", [-2, -1], { x.indexPut([Tensor([$0])], Tensor.ones(3)) }),
      ("embedding", none, { Tensor([$0]).embedding(x) }),
      ("embeddingBag", none, { Tensor([[$0]]).embeddingBag(x) }),
      ("embedding.paddingIdx", [-2, -1], { Tensor([0]).embedding(x, paddingIdx: $0) }),
      ("nllLoss", [2], { x.nllLoss(Tensor([$0, 0])) }),
      ("nllLoss.weight", [2], { x.nllLoss(Tensor([$0, 0]), weight: Tensor.ones(3)) }),
      ("nllLoss.none", [2], { x.nllLoss(Tensor([$0, 0]), reduction: .none) }),
      ("nllLoss.ignored", [-1, 2], { x.nllLoss(Tensor([$0, 0]), ignoreIndex: -1) }),
      ("nllLoss.image", [2], { Tensor.ones(1, 3, 1, 1).nllLoss(Tensor([[[$0]]])) }),
      ("crossEntropy", [2], { x.crossEntropy(Tensor([$0, 0])) }),
      ("crossEntropy.smooth", [2], { x.crossEntropy(Tensor([$0, 0]), labelSmoothing: 0.1) }),
      ("crossEntropy.weight", [2], { x.crossEntropy(Tensor([$0, 0]), weight: Tensor.ones(3)) }),
      ("crossEntropy.none", [2], { x.crossEntropy(Tensor([$0, 0]), reduction: .none) }),
      ("crossEntropy.smooth.sum", [2], { x.crossEntropy(Tensor([$0, 0]), reduction: .sum, labelSmoothing: 0.1) }),
      ("multiMarginLoss", [2], { x.multiMarginLoss(Tensor([$0, 0])) }),
      ("multiMarginLoss.weight", [2], { x.multiMarginLoss(Tensor([$0, 0]), weight: Tensor.ones(3)) }),
      ("multilabelMarginLoss", [-1, 2], { x.multilabelMarginLoss(Tensor([[$0, -1, -1], [0, -1, -1]])) }),
      ("oneHot", [2], { Tensor([$0, 0]).oneHot(numClasses: 3) }),
      ("oneHot.own", [2, 3, 7], { Tensor([$0, 0]).oneHot() }),
      ("bincount", [2, 3, 7], { Tensor([$0, 0]).bincount() }),
      ("searchsorted.sorter", [2, 3], { vector.searchsorted(Tensor([1.0]), sorter: Tensor([$0, 1, 2, 3])) }),
      ("maxUnpool1d", none, { Tensor.ones(1, 1, 1).maxUnpool1d(Tensor([[[$0]]]), 2) }),
      ("maxUnpool2d", [2, 3], { Tensor.ones(1, 1, 1, 1).maxUnpool2d(Tensor([[[[$0]]]]), 2) }),
      ("repeatInterleave", [2, 3, 7], { Tensor([1.0, 2.0]).repeatInterleave(Tensor([$0, 0])) }),
      ("luUnpack", [2, 3], { Tensor.eye(3).luUnpack(Tensor([Int32($0), 2, 3])) }),
      ("select", [-2, -1], { x.select(dim: 0, index: $0) }),
      (
        "ctc.targetLength", [2],
        {
          Tensor.ones(4, 1, 3).logSoftmax(dim: 2).ctcLoss(Tensor([[2, 1]]), inputLengths: [4], targetLengths: [$0])
        }
      ),
      (
        "ctc.inputLength", [2, 3],
        {
          Tensor.ones(4, 1, 3).logSoftmax(dim: 2).ctcLoss(Tensor([[2, 1]]), inputLengths: [$0], targetLengths: [2])
        }
      ),
      (
        "ctc.blank", [2],
        {
          Tensor.ones(4, 1, 3).logSoftmax(dim: 2).ctcLoss(
            Tensor([[0, 1]]), inputLengths: [4], targetLengths: [2], blank: $0)
        }
      ),
      ("binaryCrossEntropy.target", none, { Tensor([0.5]).binaryCrossEntropy(Tensor([Double($0)])) }),
      ("binaryCrossEntropy.input", none, { Tensor([Double($0)]).binaryCrossEntropy(Tensor([0.5])) }),
      ("crossEntropy.ignoredProbabilities", [-7, -3, -2, -1], { x.crossEntropy(x, ignoreIndex: $0) }),
      (
        "gaussianNLLLoss.variance", [2, 3, 7],
        {
          Tensor([0.5]).gaussianNLLLoss(Tensor([0.5]), variance: Tensor([Double($0)]))
        }
      ),
      ("poisson", [2, 3, 7], { Tensor([Double($0)]).poisson() }),
      ("bernoulli", none, { Tensor([Double($0)]).bernoulli() }),
    ]
  }()

  @Test(arguments: indexed.indices) func indicesAreTakenAsPyTorchTakesThem(_ i: Int) {
    let (name, taken, call) = Self.indexed[i]
    for k in [-7, -3, -2, -1, 2, 3, 7] {
      let sentence = RefusedCall(name) { call(k) }.sentence()
      #expect((sentence == nil) == taken.contains(k), "\(name)(\(k)): \(sentence ?? "taken")")
    }
  }

  @Test func probabilitiesThatAreNoNumbersAreRefused() {
    for (input, target) in [(Double.nan, 0.5), (0.5, .nan), (1.5, 0.5), (0.5, -0.1)] {
      #expect(RefusedCall("") { Tensor([input]).binaryCrossEntropy(Tensor([target])) }.sentence() != nil)
    }
    #expect(RefusedCall("") { Tensor([0.0, 1.0]).binaryCrossEntropy(Tensor([1.0, 0.0])) }.sentence() == nil)
  }

  private static let flags = Tensor([[true, false], [true, true]])
  private static let notForBool: [RefusedCall] = [
    .init("abs") { flags.abs() }, .init("neg") { -flags },
    .init("ceil") { flags.ceil() }, .init("floor") { flags.floor() }, .init("round") { flags.round() },
    .init("trunc") { flags.trunc() }, .init("frac") { flags.frac() }, .init("relu") { flags.relu() },
    .init("relu6") { flags.relu6() }, .init("elu") { flags.elu() }, .init("celu") { flags.celu() },
    .init("selu") { flags.selu() }, .init("gelu") { flags.gelu() }, .init("silu") { flags.silu() },
    .init("mish") { flags.mish() }, .init("softplus") { flags.softplus() }, .init("softsign") { flags.softsign() },
    .init("hardtanh") { flags.hardtanh() }, .init("hardsigmoid") { flags.hardsigmoid() },
    .init("hardswish") { flags.hardswish() }, .init("hardshrink") { flags.hardshrink() },
    .init("softshrink") { flags.softshrink() }, .init("tanhshrink") { flags.tanhshrink() },
    .init("leakyRelu") { flags.leakyRelu() }, .init("logSigmoid") { flags.logSigmoid() },
    .init("threshold") { flags.threshold(0.5, value: 1) }, .init("glu") { flags.glu() },
    .init("normalize") { flags.normalize() }, .init("logcumsumexp") { flags.logcumsumexp(dim: 0) },
    .init("mean") { flags.mean() }, .init("std") { flags.std() }, .init("var") { flags.var() },
    .init("argmax") { flags.argmax() }, .init("argmin") { flags.argmin() }, .init("median") { flags.median() },
    .init("nanmedian") { flags.nanmedian() }, .init("topk") { flags.topk(1) }, .init("kthvalue") { flags.kthvalue(1) },
    .init("vectorNorm") { flags.vectorNorm() },
    .init("softmax") { flags.softmax(dim: 0) }, .init("logSoftmax") { flags.logSoftmax(dim: 0) },
    .init("bincount") { flags[0].bincount() }, .init("histc") { flags.histc() },
    .init("cov") { flags.cov() }, .init("corrcoef") { flags.corrcoef() }, .init("quantile") { flags.quantile(0.5) },
    .init("frexp") { flags.frexp() }, .init("sub") { flags - flags }, .init("pow") { flags.pow(flags) },
    .init("floorDivide") { flags.floorDivide(flags) }, .init("remainder") { flags.remainder(flags) },
    .init("fmod") { flags.fmod(flags) }, .init("gcd") { flags.gcd(flags) }, .init("shift") { flags << flags },
    .init("hypot") { flags.hypot(flags) }, .init("logaddexp") { flags.logaddexp(flags) },
    .init("subInt") { flags - 1 }, .init("rsub") { 1 - flags }, .init("nextafter") { flags.nextafter(flags) },
    .init("lerp") { flags.lerp(flags, weight: 0.5) }, .init("addcmul") { flags.addcmul(flags, flags) },
    .init("addcdiv") { flags.addcdiv(flags, flags) }, .init("matmul") { flags.matmul(flags) },
    .init("dot") { flags[0].dot(flags[0]) }, .init("dist") { flags.dist(flags) }, .init("cdist") { flags.cdist(flags) },
    .init("trapezoid") { flags.trapezoid() }, .init("renorm") { flags.renorm(p: 2, dim: 0, maxNorm: 1) },
  ]
  private static let forBool: [RefusedCall] = [
    .init("sign") { flags.sign() }, .init("sqrt") { flags.sqrt() }, .init("square") { flags.square() },
    .init("exp") { flags.exp() }, .init("log1p") { flags.log1p() }, .init("sigmoid") { flags.sigmoid() },
    .init("erf") { flags.erf() }, .init("reciprocal") { flags.reciprocal() }, .init("logit") { flags.logit() },
    .init("nanToNum") { flags.nanToNum() }, .init("sinc") { flags.sinc() }, .init("cumsum") { flags.cumsum(dim: 0) },
    .init("cummax") { flags.cummax(dim: 0) }, .init("sum") { flags.sum() }, .init("amax") { flags.amax() },
    .init("max") { flags.max() }, .init("sort") { flags.sort() }, .init("mode") { flags.mode() },
    .init("unique") { flags.unique() }, .init("tril") { flags.tril() }, .init("diff") { flags.diff() },
    .init("logsumexp") { flags.logsumexp(dim: 0) }, .init("clamp") { flags.clamp(min: 0, max: 1) },
    .init("add") { flags + flags }, .init("mul") { flags * flags }, .init("div") { flags / flags },
    .init("pow") { flags.pow(2) }, .init("maximum") { flags.maximum(flags) }, .init("atan2") { flags.atan2(flags) },
    .init("copysign") { flags.copysign(flags) }, .init("xlogy") { flags.xlogy(flags) },
    .init("heaviside") { flags.heaviside(flags) }, .init("ldexp") { flags.ldexp(flags) }, .init("i0e") { flags.i0e() },
  ]

  @Test(arguments: notForBool) func boolsAreRefused(_ call: RefusedCall) { #expect(call.sentence() != nil) }
  @Test(arguments: forBool) func boolsAreTaken(_ call: RefusedCall) { #expect(call.sentence() == nil) }

  /// Empty results, and errors, where a size is zero.
  @Test func zeroSizesArePyTorchs() {
    let image = Tensor.ones(1, 2, 4, 4, requiresGrad: true)
    func shape(_ body: () -> Tensor) -> Shape? { try? withErrors(body).shape }
    #expect(shape { image.adaptiveAvgPool2d(0) } == [1, 2, 0, 0])
    #expect(shape { image.adaptiveAvgPool2d(0, 3) } == [1, 2, 0, 3])
    #expect(shape { image.adaptiveMaxPool2d(0) } == [1, 2, 0, 0])
    #expect(shape { Tensor.ones(1, 2, 4).adaptiveAvgPool1d(0) } == [1, 2, 0])
    #expect(shape { Tensor.ones(1, 2, 4).adaptiveMaxPool1d(0) } == [1, 2, 0])
    #expect(shape { Tensor.ones(1, 2, 4, 4, 4).adaptiveAvgPool3d([0, 2, 2]) } == [1, 2, 0, 2, 2])
    #expect(shape { Tensor.ones(1, 2, 4, 4, 4).adaptiveMaxPool3d([2, 0, 2]) } == [1, 2, 2, 0, 2])
    #expect(shape { Tensor.ones(0, 2, 4, 4).adaptiveAvgPool2d(3) } == [0, 2, 3, 3])
    #expect(shape { Tensor.ones(1, 2, 0, 4).adaptiveAvgPool2d(3) } == nil)
    for pooled in [image.adaptiveAvgPool2d(0), image.adaptiveMaxPool2d(0, 2)] {
      image.grad = nil
      pooled.sum().backward()
      #expect(image.grad?.equal(Tensor.zeros(1, 2, 4, 4)) == true)
    }
    let x = Tensor.ones(2, 3)
    #expect(shape { image.interpolate(size: 0) } == nil)
    #expect(shape { image.pixelShuffle(0) } == nil)
    #expect(shape { image.channelShuffle(0) } == nil)
    #expect(shape { image.unfold(kernelSize: 0) } == nil)
    #expect(shape { image.maxPool2d(0) } == nil)
    #expect(shape { image.avgPool2d(2, stride: 0) } == nil)
    #expect(shape { image.avgPool2d(2, divisorOverride: 0) } == nil)
    #expect(shape { image.localResponseNorm(0) } == nil)
    #expect(shape { image.groupNorm(0) } == nil)
    #expect(shape { image.conv2d(Tensor.ones(2, 2, 3, 3), groups: 0) } == nil)
    #expect(shape { image.conv2d(Tensor.ones(2, 2, 3, 3), stride: 0) } == nil)
    #expect(shape { Tensor.ones(0, 2, 4, 4).conv2d(Tensor.ones(2, 2, 3, 3)) } == [0, 2, 2, 2])
    #expect(shape { x.split(0)[0] } == nil)
    #expect(shape { x.chunk(0)[0] } == nil)
    #expect(shape { x.tensorSplit(0)[0] } == nil)
    #expect(shape { x.unfold(dim: 1, size: 0, step: 1) } == [2, 4, 0])
    #expect(shape { x.unfold(dim: 1, size: 2, step: 0) } == nil)
    #expect(shape { x.repeat([0, 2]) } == [0, 6])
    #expect(shape { x.repeatInterleave(0, dim: 1) } == [2, 0])
    #expect(shape { x.topk(0).values } == [2, 0])
    #expect(shape { x.kthvalue(0).values } == nil)
    #expect(shape { x.multinomial(0) } == nil)
    #expect(shape { x.histc(bins: 0) } == nil)
    #expect(shape { Tensor.zeros(0, 3).matmul(Tensor.ones(3, 2)) } == [0, 2])
    #expect(shape { Tensor.zeros(2, 0).matmul(Tensor.ones(0, 2)) } == [2, 2])
    #expect(shape { Tensor.zeros(2, 0).softmax(dim: 1) } == [2, 0])
    #expect(shape { Tensor.zeros(2, 0).cdist(Tensor.zeros(3, 0)) } == [2, 3])
    #expect(shape { Tensor.zeros(2, 0).amax(dim: 1) } == nil)
    #expect(shape { Tensor.zeros(2, 0).sum(dim: 1) } == [2])
    #expect(shape { Tensor.zeros(2, 0).layerNorm([0]) } == [2, 0])
    #expect(shape { Tensor.zeros(0, 2, 4).groupNorm(2) } == [0, 2, 4])
    #expect(shape { Tensor.randperm(0) } == [0])
    #expect(shape { Tensor.eye(0, 3) } == [0, 3])
    #expect(shape { Tensor.linspace(0, 1, 0) } == [0])
    #expect(shape { Tensor.zeros(0, 0).det() } == [])
    #expect(shape { Tensor.zeros(0, 0).inverse() } == [0, 0])
    #expect(shape { Tensor.zeros(3, 0).qr().q } == [3, 0])
    #expect(shape { Tensor.zeros(0).cumsum(dim: 0) } == [0])
    #expect(shape { Tensor.zeros(0).sort().values } == [0])
    #expect(shape { Tensor.zeros(0, dtype: .int64).bincount() } == [0])
    #expect(shape { Tensor.zeros(0, dtype: .int64).oneHot(numClasses: 3) } == [0, 3])
    #expect(shape { Tensor.zeros(0, dtype: .int64).oneHot() } == nil)
    #expect(shape { Tensor.zeros(0).fft() } == nil)
    #expect(shape { Tensor.ones(4).fft(n: 0) } == nil)
  }

  /// Where PyTorch's result is contiguous, so is ours.
  @Test func repeatedTensorsAreContiguous() {
    let line = Tensor.arange(3.0)
    let one = Tensor.ones(1)
    let results: [(String, Tensor)] = [
      ("repeat", line.repeat([2, 1])), ("repeat.same", line.repeat([1])), ("repeat.one", one.repeat([4])),
      ("repeat.lead", line.repeat([2, 1, 1])), ("repeat.column", line.view(3, 1).repeat([1, 2])),
      ("tile", line.tile([2, 1])), ("tile.one", Tensor.ones(1, 1).tile([3, 2])), ("tile.none", line.tile([Int]())),
      ("interleave", one.repeatInterleave(4)), ("interleave.dim", line.view(3, 1).repeatInterleave(2, dim: 1)),
      ("interleave.same", line.repeatInterleave(1)), ("interleave.tensor", one.repeatInterleave(Tensor([3]))),
      ("interleave.scalar", line.view(1, 3).repeatInterleave(Tensor(2), dim: 0)),
    ]
    for (name, result) in results {
      #expect(result.isContiguous, "\(name): \(result.strides)")
      #expect(!result.sharesStorage(with: line) && !result.sharesStorage(with: one), "\(name)")
      #expect((try? withErrors { result.view([-1]) }) != nil, "\(name)")
    }
    #expect(line.repeat([2, 1]).view([-1]).scalars(Double.self) == [0, 1, 2, 0, 1, 2])
  }
}
