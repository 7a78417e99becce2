import Flameback

extension Kink {
  static let all: [Kink] = [
    Kink("abs", [0.0, -0.0], [], [0.0, 0.0], []) { x, _ in x.abs() },
    Kink("relu", [0.0, -0.0], [], [0.0, 0.0], []) { x, _ in x.relu() },
    Kink("relu6", [0.0, 6.0], [], [0.0, 0.0], []) { x, _ in x.relu6() },
    Kink("leakyRelu", [0.0], [], [0.1], []) { x, _ in x.leakyRelu(negativeSlope: 0.1) },
    Kink("elu", [0.0], [], [2.0], []) { x, _ in x.elu(alpha: 2) },
    Kink("celu", [0.0], [], [1.0], []) { x, _ in x.celu(alpha: 2) },
    Kink("selu", [0.0], [], [1.7580993408473766], []) { x, _ in x.selu() },
    Kink("hardtanh", [-1.0, 1.0], [], [0.0, 0.0], []) { x, _ in x.hardtanh() },
    Kink("hardsigmoid", [-3.0, 3.0], [], [0.0, 0.0], []) { x, _ in x.hardsigmoid() },
    Kink("hardswish", [-3.0, 3.0], [], [0.0, 1.0], []) { x, _ in x.hardswish() },
    Kink("hardshrink", [-0.5, 0.5], [], [0.0, 0.0], []) { x, _ in x.hardshrink(lambda: 0.5) },
    Kink("softshrink", [-0.5, 0.5], [], [0.0, 0.0], []) { x, _ in x.softshrink(lambda: 0.5) },
    Kink("threshold", [1.0], [], [0.0], []) { x, _ in x.threshold(1, value: 5) },
    Kink("clamp", [-1.0, 1.0], [], [0.0, 0.0], []) { x, _ in x.clamp(min: -1, max: 1) },
    Kink("clampSame", [1.0, 0.0, 2.0], [], [0.0, 0.0, 0.0], []) { x, _ in x.clamp(min: 1, max: 1) },
    Kink("maximum", [1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]) { x, y in x.maximum(y) },
    Kink("minimum", [1.0], [1.0], [0.5], [0.5]) { x, y in x.minimum(y) },
    Kink("fmax", [1.0], [1.0], [0.5], [0.5]) { x, y in x.fmax(y) },
    Kink("fmin", [1.0], [1.0], [0.5], [0.5]) { x, y in x.fmin(y) },
    Kink("max", [2.0, 2.0, 1.0], [], [0.5, 0.5, 0.0], []) { x, _ in x.max() },
    Kink("amax", [2.0, 2.0, 1.0], [], [0.5, 0.5, 0.0], []) { x, _ in x.amax(dim: 0) },
    Kink("amin", [1.0, 1.0, 2.0], [], [0.5, 0.5, 0.0], []) { x, _ in x.amin(dim: 0) },
    Kink("maxDim", [2.0, 2.0, 1.0], [], [1.0, 0.0, 0.0], []) { x, _ in x.max(dim: 0).values },
    Kink("median", [2.0, 2.0, 1.0], [], [0.5, 0.5, 0.0], []) { x, _ in x.median() },
    Kink("sqrt", [0.0], [], [.infinity], []) { x, _ in x.sqrt() },
    Kink("rsqrt", [0.0], [], [-.infinity], []) { x, _ in x.rsqrt() },
    Kink("powHalf", [0.0], [], [.infinity], []) { x, _ in x.pow(0.5) },
    Kink("powZero", [0.0, 1.0], [], [0.0, 0.0], []) { x, _ in x.pow(0) },
    Kink("powOne", [0.0], [], [1.0], []) { x, _ in x.pow(1) },
    Kink("powTwo", [0.0], [], [0.0], []) { x, _ in x.pow(2) },
    Kink("powNegative", [0.0], [], [-.infinity], []) { x, _ in x.pow(-1) },
    Kink("powTensor", [0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]) { x, y in x.pow(y) },
    Kink("powScalarBase", [0.0, 1.0, 2.0], [], [0.0, 0.0, 0.0], []) { x, _ in Tensor.full([], 0.0).pow(x) },
    Kink("norm2", [0.0, 0.0], [], [0.0, 0.0], []) { x, _ in x.vectorNorm() },
    Kink("norm1", [0.0, 0.0], [], [0.0, 0.0], []) { x, _ in x.vectorNorm(ord: 1) },
    Kink("norm3", [0.0, 0.0], [], [0.0, 0.0], []) { x, _ in x.vectorNorm(ord: 3) },
    Kink("normHalf", [0.0, 0.0], [], [0.0, 0.0], []) { x, _ in x.vectorNorm(ord: 0.5) },
    Kink("normInf", [1.0, -1.0, 0.0], [], [0.5, -0.5, 0.0], []) { x, _ in x.vectorNorm(ord: .infinity) },
    Kink("normInfZero", [0.0, 0.0], [], [0.0, 0.0], []) { x, _ in x.vectorNorm(ord: .infinity) },
    Kink("normMinusInf", [1.0, -1.0, 2.0], [], [0.5, -0.5, 0.0], []) { x, _ in x.vectorNorm(ord: -.infinity) },
    Kink("cdist2", [1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]) { x, y in x.view(1, 2).cdist(y.view(1, 2)) },
    Kink("cdist1", [1.0, 2.0], [1.0, 3.0], [0.0, -1.0], [0.0, 1.0]) { x, y in x.view(1, 2).cdist(y.view(1, 2), p: 1) },
    Kink("cdistInf", [1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]) { x, y in
      x.view(1, 2).cdist(y.view(1, 2), p: .infinity)
    },
    Kink("cdist3", [1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]) { x, y in x.view(1, 2).cdist(y.view(1, 2), p: 3) },
    Kink("cdistHalf", [1.0, 2.0], [1.0, 3.0], [0.0, -1.0], [0.0, 1.0]) { x, y in
      x.view(1, 2).cdist(y.view(1, 2), p: 0.5)
    },
    Kink("pdist", [1.0, 2.0, 1.0, 2.0], [], [0.0, 0.0, 0.0, 0.0], []) { x, _ in x.view(2, 2).pdist() },
    Kink(
      "pairwise", [1.0, 2.0], [1.0, 2.0], [0.7071067811865476, 0.7071067811865476],
      [-0.7071067811865476, -0.7071067811865476]
    ) { x, y in x.view(1, 2).pairwiseDistance(y.view(1, 2)) },
    Kink("cosineSimilarity", [0.0, 0.0], [1.0, 2.0], [44721359.549995795, 89442719.09999159], [0.0, 0.0]) { x, y in
      x.cosineSimilarity(y, dim: 0)
    },
    Kink("cosineSimilarityBoth", [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]) { x, y in x.cosineSimilarity(y, dim: 0)
    },
    Kink("normalize", [0.0, 0.0], [], [1000000000000.0, 1000000000000.0], []) { x, _ in x.normalize(dim: 0) },
    Kink("atan2", [0.0, 0.0, -0.0, 1.0], [0.0, -1.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [-0.0, -0.0, 0.0, -1.0]) {
      x, y in x.atan2(y)
    },
    Kink("hypot", [0.0], [0.0], [.nan], [.nan]) { x, y in x.hypot(y) },
    Kink("log", [0.0], [], [.infinity], []) { x, _ in x.log() },
    Kink("log1p", [-1.0], [], [.infinity], []) { x, _ in x.log1p() },
    Kink("xlogy", [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, -.infinity], [.nan, 0.0, .infinity]) { x, y in x.xlogy(y)
    },
    Kink("xlog1py", [0.0, 0.0, 1.0], [-1.0, 0.0, -1.0], [0.0, 0.0, -.infinity], [.nan, 0.0, .infinity]) { x, y in
      x.xlog1py(y)
    },
    Kink("entr", [0.0, 1.0], [], [.infinity, -1.0], []) { x, _ in x.entr() },
    Kink("sinc", [0.0], [], [0.0], []) { x, _ in x.sinc() },
    Kink("std", [1.0, 1.0, 1.0], [], [0.0, 0.0, 0.0], []) { x, _ in x.std() },
    Kink("stdOne", [1.0], [], [0.0], []) { x, _ in x.std(correction: 0) },
    Kink("var", [1.0, 1.0, 1.0], [], [0.0, 0.0, 0.0], []) { x, _ in x.var() },
    Kink("prod1", [0.0, 2.0, 3.0], [], [6.0, 0.0, 0.0], []) { x, _ in x.prod() },
    Kink("prod2", [0.0, 0.0, 3.0], [], [0.0, 0.0, 0.0], []) { x, _ in x.prod() },
    Kink("cumprod", [2.0, 0.0, 3.0, 0.0], [], [1.0, 8.0, 0.0, 0.0], []) { x, _ in x.cumprod(dim: 0) },
    Kink("logaddexp", [-.infinity, 0.0], [-.infinity, 0.0], [.nan, 0.5], [.nan, 0.5]) { x, y in x.logaddexp(y) },
    Kink("logaddexp2", [-.infinity, 0.0], [-.infinity, 0.0], [.nan, 0.5], [.nan, 0.5]) { x, y in x.logaddexp2(y) },
    Kink("huber", [1.0, 0.0, -1.0], [0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [-1.0, 0.0, 1.0]) { x, y in
      x.huberLoss(y, reduction: .none)
    },
    Kink("smoothL1", [1.0, 0.0, -1.0], [0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [-1.0, 0.0, 1.0]) { x, y in
      x.smoothL1Loss(y, reduction: .none)
    },
    Kink("smoothL1Zero", [1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [-1.0, -0.0]) { x, y in
      x.smoothL1Loss(y, reduction: .none, beta: 0)
    },
    Kink("l1", [0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [-0.0, -0.0]) { x, y in x.l1Loss(y, reduction: .none) },
    Kink("hinge", [1.0, 1.0, 0.5], [], [0.0, 1.0, -1.0], []) { x, _ in
      x.hingeEmbeddingLoss(Tensor([-1.0, 1.0, -1.0], dtype: .float64), reduction: .none)
    },
    Kink("cosineEmbedding", [0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]) { x, y in
      x.view(1, 2).cosineEmbeddingLoss(y.view(1, 2), Tensor([-1.0], dtype: .float64))
    },
    Kink("cosineEmbedding1", [0.0, 0.0], [1.0, 2.0], [-447213.5963934019, -894427.1927868038], [0.0, 0.0]) { x, y in
      x.view(1, 2).cosineEmbeddingLoss(y.view(1, 2), Tensor([1.0], dtype: .float64))
    },
    Kink("cosineEmbeddingBoth", [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]) { x, y in
      x.view(1, 2).cosineEmbeddingLoss(y.view(1, 2), Tensor([-1.0], dtype: .float64))
    },
    Kink("cosineEmbeddingOrthogonal", [1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]) { x, y in
      x.view(1, 2).cosineEmbeddingLoss(y.view(1, 2), Tensor([-1.0], dtype: .float64))
    },
    Kink("ranking", [1.0, 1.0], [1.0, 1.0], [-0.0, 0.0], [0.0, -0.0]) { x, y in
      x.marginRankingLoss(y, Tensor([1.0, -1.0], dtype: .float64), reduction: .none)
    },
    Kink("rankingMargin", [2.0, 1.0], [1.0, 2.0], [-0.0, 0.0], [0.0, -0.0]) { x, y in
      x.marginRankingLoss(y, Tensor([1.0, -1.0], dtype: .float64), margin: 1, reduction: .none)
    },
    Kink(
      "triplet", [1.0, 2.0], [1.0, 2.0], [0.7071057811855476, 1.7071067811860476],
      [-0.7071067811865476, -0.7071067811865476]
    ) { x, y in x.view(1, 2).tripletMarginLoss(y.view(1, 2), Tensor([[1.0, 3.0]], dtype: .float64), margin: 1) },
    Kink("multiMargin", [2.0, 1.0, 1.0], [], [0.0, 0.0, 0.0], []) { x, _ in x.view(1, 3).multiMarginLoss(Tensor([0])) },
    Kink("multiMargin2", [2.0, 1.0, 1.5], [], [-0.3333333333333333, 0.0, 0.3333333333333333], []) { x, _ in
      x.view(1, 3).multiMarginLoss(Tensor([0]), p: 2)
    },
    Kink("multilabelMargin", [2.0, 1.0, 1.0], [], [0.0, 0.0, 0.0], []) { x, _ in
      x.view(1, 3).multilabelMarginLoss(Tensor([[0, -1, -1]]))
    },
    Kink("klDiv", [0.0, -1.0], [0.0, 1.0], [-0.0, -1.0], [.nan, 2.0]) { x, y in x.klDiv(y, reduction: .none) },
    Kink("bce", [0.0, 1.0, 0.0, 1.0], [], [0.0, 0.0, -1000000003995.8029, 1000000003995.8029], []) { x, _ in
      x.binaryCrossEntropy(Tensor([0.0, 1.0, 1.0, 0.0], dtype: .float64), reduction: .none)
    },
    Kink("gaussianNLL", [0.0, 0.0], [0.5, 0.1], [-2.0, -2.0], [-1.0, -1.0]) { x, y in
      x.gaussianNLLLoss(Tensor([1.0, 1.0], dtype: .float64), variance: y, eps: 0.5, reduction: .none)
    },
    Kink("poissonNLL", [0.0, 1.0], [], [-99999999.0, 9.999999828202988e-09], []) { x, _ in
      x.poissonNLLLoss(Tensor([1.0, 1.0], dtype: .float64), logInput: false, full: true, reduction: .none)
    },
    Kink("remainder", [4.0], [2.0], [1.0], [-2.0]) { x, y in x.remainder(y) },
    Kink("fmod", [4.0], [2.0], [1.0], [-2.0]) { x, y in x.fmod(y) },
    Kink("frac", [1.0], [], [1.0], []) { x, _ in x.frac() },
    Kink("copysign", [0.0, 1.0], [1.0, -0.0], [0.0, -1.0], [0.0, 0.0]) { x, y in x.copysign(y) },
    Kink("asin", [1.0, -1.0], [], [.infinity, .infinity], []) { x, _ in x.asin() },
    Kink("acos", [1.0], [], [-.infinity], []) { x, _ in x.acos() },
    Kink("acosh", [1.0], [], [.infinity], []) { x, _ in x.acosh() },
    Kink("atanh", [1.0], [], [.infinity], []) { x, _ in x.atanh() },
    Kink("erfinv", [1.0, 0.0], [], [.infinity, 0.8862269254527579], []) { x, _ in x.erfinv() },
    Kink("logit", [0.0, 1.0], [], [.infinity, .infinity], []) { x, _ in x.logit() },
    Kink("logitEps", [0.25, 0.75, 0.1], [], [5.333333333333333, 5.333333333333333, 0.0], []) { x, _ in
      x.logit(eps: 0.25)
    },
    Kink("prelu", [0.0], [0.25], [0.25], [0.0]) { x, y in x.prelu(y) },
    Kink("nanToNum", [.nan, .infinity, -.infinity, 1.0], [], [0.0, 0.0, 0.0, 1.0], []) { x, _ in x.nanToNum() },
    Kink("cummax", [1.0, 1.0, 0.0], [], [1.0, 2.0, 0.0], []) { x, _ in x.cummax(dim: 0).values },
    Kink("maxPool", [1.0, 1.0, 2.0, 2.0], [], [1.0, 0.0, 1.0, 0.0], []) { x, _ in x.view(1, 1, 4).maxPool1d(2) },
    Kink("softplus", [1.0, 0.0], [], [0.7310585786300049, 0.5], []) { x, _ in x.softplus(threshold: 1) },
    Kink("logsigmoid", [0.0, -.infinity], [], [0.5, 1.0], []) { x, _ in x.logSigmoid() },
    Kink("softsign", [0.0], [], [1.0], []) { x, _ in x.softsign() },
    Kink("tanhshrink", [0.0], [], [0.0], []) { x, _ in x.tanhshrink() },
    Kink("mish", [0.0], [], [0.6], []) { x, _ in x.mish() },
    Kink("i0", [0.0], [], [0.0], []) { x, _ in x.i0() },
    Kink("i1", [0.0], [], [0.5], []) { x, _ in x.i1() },
    Kink("i1e", [0.0], [], [0.5], []) { x, _ in x.i1e() },
    Kink("i0e", [0.0], [], [0.0], []) { x, _ in x.i0e() },
    Kink("renorm", [3.0, 4.0], [], [1.0, 1.0], []) { x, _ in x.view(1, 2).renorm(p: 2, dim: 0, maxNorm: 5) },
    Kink("dist", [1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [-0.0, -0.0]) { x, y in x.dist(y) },
    Kink("lerp", [1.0], [1.0], [0.5], [0.5]) { x, y in x.lerp(y, weight: 0.5) },
    Kink("digamma", [1.0], [], [1.6449340676383375], []) { x, _ in x.digamma() },
    Kink("addcdiv", [0.0], [0.0], [.infinity], [.nan]) { x, y in x.addcdiv(x, y) },
    Kink("div0", [0.0, 1.0], [0.0, 0.0], [.infinity, .infinity], [.nan, -.infinity]) { x, y in x / y },
    Kink("lpPool", [0.0, 0.0, 1.0, 0.0], [], [0.0, 0.0, 1.0, 0.0], []) { x, _ in
      x.view(1, 1, 4).lpPool1d(normType: 2, 2)
    },
    Kink("layerNorm", [1.0, 1.0, 1.0], [], [0.0, 0.0, 0.0], []) { x, _ in x.layerNorm([3]) },
    Kink("nuclear", [0.0, 0.0, 0.0, 0.0], [], [1.0, 0.0, 0.0, 1.0], []) { x, _ in x.view(2, 2).matrixNorm(.nuclear) },
    Kink("frobenius", [0.0, 0.0, 0.0, 0.0], [], [0.0, 0.0, 0.0, 0.0], []) { x, _ in x.view(2, 2).matrixNorm() },
    Kink("matrixNorm1", [1.0, 1.0, 1.0, 1.0], [], [0.5, 0.5, 0.5, 0.5], []) { x, _ in x.view(2, 2).matrixNorm(.order(1))
    },
    Kink("det0", [0.0, 0.0, 0.0, 0.0], [], [0.0, 0.0, 0.0, 0.0], []) { x, _ in x.view(2, 2).det() },
    Kink("det1", [1.0, 2.0, 2.0, 4.0], [], [0.0, -0.0, -0.0, 0.0], []) { x, _ in x.view(2, 2).det() },
    Kink("ldexp", [0.0], [0.0], [1.0], [0.0]) { x, y in x.ldexp(y) },
    Kink("float_power", [0.0], [], [0.0], []) { x, _ in x.floatPower(0.0) },
    Kink("gelu", [0.0], [], [0.5], []) { x, _ in x.gelu() },
    Kink("silu", [0.0], [], [0.5], []) { x, _ in x.silu() },
    Kink("aminmax", [2.0, 2.0], [], [0.5, 0.5], []) { x, _ in x.aminmax().max },
    Kink("trunc", [1.0], [], [0.0], []) { x, _ in x.trunc() },
    Kink("heaviside_free", [0.0], [], [0.0], []) { x, _ in x.sign() * x },
    Kink(
      "cosineEmbeddingMargin", [1.0, 0.0], [1.0, 0.0], [1.000088900582341e-12, 0.0], [1.000088900582341e-12, 0.0]
    ) { x, y in x.view(1, 2).cosineEmbeddingLoss(y.view(1, 2), Tensor([-1.0], dtype: .float64), margin: 0.5) },
    Kink("square", [0.0], [], [0.0], []) { x, _ in x.square() },
    Kink("reciprocal", [0.0], [], [-.infinity], []) { x, _ in x.reciprocal() },
    Kink("log2", [0.0], [], [.infinity], []) { x, _ in x.log2() },
    Kink("exp", [-.infinity, .infinity], [], [0.0, .infinity], []) { x, _ in x.exp() },
    Kink("sigmoid", [-.infinity, .infinity], [], [0.0, 0.0], []) { x, _ in x.sigmoid() },
    Kink("tanh", [-.infinity, .infinity], [], [0.0, 0.0], []) { x, _ in x.tanh() },
    Kink("softmax", [-.infinity, 0.0], [], [0.0, 0.0], []) { x, _ in x.softmax(dim: 0)[0] },
    Kink("softmaxAll", [-.infinity, -.infinity], [], [.nan, .nan], []) { x, _ in x.softmax(dim: 0)[0] },
    Kink("logSoftmax", [-.infinity, 0.0], [], [0.0, 0.0], []) { x, _ in x.logSoftmax(dim: 0)[1] },
    Kink("mulzero", [0.0, .infinity], [.infinity, 0.0], [.infinity, 0.0], [0.0, .infinity]) { x, y in x * y },
  ]
}
