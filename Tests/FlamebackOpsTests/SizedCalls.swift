import Flameback

private let x = Tensor.arange(24.0).reshape(2, 3, 4)
private let image = Tensor.arange(64.0).reshape(1, 4, 4, 4)
private let line = Tensor.arange(16.0).reshape(1, 2, 8)
private let volume = Tensor.arange(64.0).reshape(1, 1, 4, 4, 4)
private let vector = Tensor.arange(6.0)
private let matrix = Tensor.arange(9.0).reshape(3, 3)
private let places = Tensor([[[0, 3]]])
private let peaks = Tensor([[[1.0, 2.0]]])

extension SizedCall {
  static let all: [SizedCall] = creation + views + joining + indexing + spatial + composed + random

  private static let creation: [SizedCall] = [
    .init("zeros") { Tensor.zeros([$0]) }, .init("zeros2") { Tensor.zeros([$0, 4]) },
    .init("zeros0") { Tensor.zeros([$0, 0]) }, .init("zeros00") { Tensor.zeros([0, $0, $0]) },
    .init("ones") { Tensor.ones([2, $0]) }, .init("full") { Tensor.full([$0, $0], 1.5) },
    .init("empty") { Tensor.empty([$0]) }, .init("newZeros") { x.newZeros([$0, 3]) },
    .init("arange") { Tensor.arange($0) }, .init("arange.from") { Tensor.arange($0, 5) },
    .init("arange.step") { Tensor.arange(0, 5, $0) }, .init("arange.far") { Tensor.arange($0, Int.max, 1) },
    .init("arange.wide") { Tensor.arange(Int.min, $0, Int.max) }, .init("arange.back") { Tensor.arange(5, $0, -1) },
    .init("arange.double") { Tensor.arange(0.0, Double($0), 1.0) },
    .init("arange.int8") { Tensor.arange(0, $0, dtype: .int8) },
    .init("range") { Tensor.range(0, Double($0)) }, .init("range.step") { Tensor.range(0, 10, Double($0)) },
    .init("linspace") { Tensor.linspace(0, 1, $0) }, .init("linspace.end") { Tensor.linspace(0, $0, 5) },
    .init("linspace.int") { Tensor.linspace(0, $0, 5, dtype: .int64) },
    .init("linspace.complex") { Tensor.linspace(0, 1, $0, dtype: .complex64) },
    .init("logspace") { Tensor.logspace(0, 1, $0) }, .init("logspace.end") { Tensor.logspace(0, $0, 3, dtype: .int64) },
    .init("eye") { Tensor.eye($0) }, .init("eye2") { Tensor.eye(2, $0) }, .init("eye3") { Tensor.eye($0, 2) },
    .init("eye0") { Tensor.eye(0, $0) },
    .init("trilIndices") { Tensor.trilIndices($0, 3) }, .init("trilIndices2") { Tensor.trilIndices(3, $0) },
    .init("trilIndices.offset") { Tensor.trilIndices(3, 3, offset: $0) },
    .init("triuIndices") { Tensor.triuIndices($0, 3) }, .init("triuIndices2") { Tensor.triuIndices(3, $0) },
    .init("triuIndices.offset") { Tensor.triuIndices(3, 3, offset: $0) },
    .init("trilIndices.both") { Tensor.trilIndices($0, $0) }, .init("triuIndices.both") { Tensor.triuIndices($0, $0) },
    .init("fftfreq") { Tensor.fftfreq($0) }, .init("rfftfreq") { Tensor.rfftfreq($0) },
    .init("hann") { Window.hann($0) }, .init("hamming") { Window.hamming($0) },
    .init("blackman") { Window.blackman($0) }, .init("bartlett") { Window.bartlett($0) },
    .init("kaiser") { Window.kaiser($0) }, .init("gaussian") { Window.gaussian($0) },
    .init("nuttall") { Window.nuttall($0) }, .init("cosineWindow") { Window.cosine($0) },
    .init("exponentialWindow") { Window.exponential($0) },
    .init("generalCosine") { Window.generalCosine($0, a: [0.5, 0.5]) },
    .init("hannPeriodic") { Window.hann($0, sym: false) },
    .init("vander") { vector.vander($0) }, .init("vandermonde") { vector.vandermonde($0) },
    .init("tensor.count") { Tensor([1.0, 2.0], shape: [$0]) },
    .init("tensor.count2") { Tensor([1.0], shape: [$0, $0]) },
  ]

  private static let views: [SizedCall] = [
    .init("narrow.length") { x.narrow(dim: 1, start: 1, length: $0) },
    .init("narrow.start") { x.narrow(dim: 1, start: $0, length: 1) },
    .init("narrow.both") { x.narrow(dim: 1, start: $0, length: $0) },
    .init("narrow.dim") { x.narrow(dim: $0, start: 0, length: 1) },
    .init("slice.start") { x.slice(dim: 1, start: $0) }, .init("slice.end") { x.slice(dim: 1, end: $0) },
    .init("slice.step") { x.slice(dim: 1, step: $0) },
    .init("slice.all") { x.slice(dim: 1, start: $0, end: $0, step: $0) },
    .init("slice.stepNarrow") { x.slice(dim: 1, start: 1, end: Int.max, step: $0) },
    .init("subscript") { x[.slice($0, nil, 1)] }, .init("subscript.step") { x[.slice(nil, nil, $0)] },
    .init("subscript.every") { x[.every($0)] }, .init("subscript.int") { x[$0] },
    .init("subscript.set") { n in
      var y = x; y[.slice(nil, nil, n)] = Tensor(0.0); return y
    },
    .init("select") { x.select(dim: 0, index: $0) }, .init("select.dim") { x.select(dim: $0, index: 0) },
    .init("view") { x.view([$0]) }, .init("view2") { x.view([$0, -1]) }, .init("view3") { x.view([$0, $0, -1]) },
    .init("reshape") { x.reshape([$0, 4]) }, .init("reshape.t") { x.transpose(0, 1).reshape([$0, -1]) },
    .init("reshape0") { Tensor.zeros(0).reshape([$0, -1]) }, .init("reshape00") { Tensor.zeros(0).reshape([0, $0]) },
    .init("flatten") { x.flatten(startDim: $0) }, .init("flatten.end") { x.flatten(startDim: 0, endDim: $0) },
    .init("unflatten") { x.unflatten(2, [$0, 2]) }, .init("unflatten2") { x.unflatten(2, [$0, -1]) },
    .init("unflatten.both") { x.unflatten(2, [$0, $0]) }, .init("squeeze") { x.squeeze($0) },
    .init("unsqueeze") { x.unsqueeze($0) },
    .init("transpose") { x.transpose($0, 0) }, .init("permute") { x.permute($0, 0, 1) },
    .init("movedim") { x.movedim(0, $0) },
    .init("expand") { Tensor.ones(1).expand([$0]) }, .init("expand.sum") { Tensor.ones(4).expand([$0, 4]).shape },
    .init("expand.two") { Tensor.ones(1, 1).expand([$0, $0]) },
    .init("broadcastTo") { Tensor.ones(4).broadcastTo([$0, 4]) },
    .init("expand.maxSum") { Tensor.ones(4).expand([Swift.max($0, 1 << 61), 4]).sum() },
    .init("expand.clone") { Tensor.ones(4).expand([$0, 4]).clone() },
    .init("expand.add") { Tensor.ones(1, 4).expand([$0, 4]) + 1.0 },
    .init("expand.contiguous") { Tensor.ones(1, 4).expand([$0, 4]).contiguous() },
    .init("broadcast.add") { Tensor.ones(1).expand([$0]) + Tensor.ones(3, 1) },
    .init("asStrided") { x.asStrided([$0], [1]) }, .init("asStrided.stride") { x.asStrided([2], [$0]) },
    .init("asStrided.offset") { x.asStrided([2], [1], storageOffset: $0) },
    .init("asStrided.all") { x.asStrided([$0, $0], [$0, $0], storageOffset: $0) },
    .init("asStrided.zero") { x.asStrided([$0, 4], [0, 0]) },
    .init("asStrided.empty") { x.asStrided([0, $0], [$0, $0]) },
    .init("asStridedScatter") { x.asStridedScatter(Tensor.ones(2), [2], [$0]) },
    .init("asStridedScatter2") { x.asStridedScatter(Tensor.ones(2), [$0], [1], storageOffset: $0) },
    .init("diagonal") { matrix.diagonal(offset: $0) }, .init("diag") { matrix.diag($0) },
    .init("diag1") { vector.diag($0) },
    .init("diagflat") { vector.diagflat($0) }, .init("diagEmbed") { vector.diagEmbed(offset: $0) },
    .init("diagEmbed.dim") { vector.diagEmbed(dim1: $0) }, .init("diagonal.dim") { matrix.diagonal(dim1: $0) },
    .init("diagonalScatter") { matrix.diagonalScatter(Tensor.ones(3), offset: $0) },
    .init("unfold.size") { vector.unfold(dim: 0, size: $0, step: 1) },
    .init("unfold.step") { vector.unfold(dim: 0, size: 2, step: $0) },
    .init("split") { vector.split($0) }, .init("split.sizes") { vector.split([$0, 2]) },
    .init("split.sizes2") { vector.split([$0, $0, 2]) }, .init("split.wrap") { vector.split([$0, $0, 6]) },
    .init("splitWithSizes") { vector.splitWithSizes([$0, $0]) }, .init("chunk") { vector.chunk($0) },
    .init("tensorSplit") { vector.tensorSplit($0) }, .init("tensorSplit.indices") { vector.tensorSplit([$0]) },
    .init("tensorSplit.indices2") { vector.tensorSplit([$0, 2, $0]) },
    .init("tensorSplit.tensor") { vector.tensorSplit(Tensor([$0])) },
    .init("tensorSplit.scalar") { vector.tensorSplit(Tensor($0)) }, .init("hsplit") { matrix.hsplit($0) },
    .init("vsplit") { matrix.vsplit([$0]) }, .init("dsplit") { x.dsplit($0) },
    .init("selectScatter") { x.selectScatter(Tensor.ones(3, 4), dim: 0, index: $0) },
    .init("narrow.tensor") { x.narrow(dim: 1, start: Tensor($0), length: 1) },
    .init("sumToSize") { x.sumToSize([$0]) },
  ]

  private static let joining: [SizedCall] = [
    .init("repeat") { x.repeat([$0, 1, 1]) }, .init("repeat2") { x.repeat([$0, $0, $0]) },
    .init("repeat1") { Tensor.ones(1).repeat([$0]) },
    .init("repeat0") { x.repeat([0, $0, 1]) }, .init("repeat.more") { vector.repeat([$0, $0, $0, $0]) },
    .init("repeat.empty") { Tensor.zeros(0).repeat([$0]) },
    .init("tile") { x.tile([$0]) }, .init("tile2") { x.tile([$0, $0]) },
    .init("repeatInterleave") { vector.repeatInterleave($0) },
    .init("repeatInterleave.dim") { x.repeatInterleave($0, dim: 1) },
    .init("repeatInterleave.tensor") { Tensor([1.0, 2.0]).repeatInterleave(Tensor([$0, 1])) },
    .init("repeatInterleave.tensor2") { Tensor([1.0, 2.0]).repeatInterleave(Tensor([$0, $0])) },
    .init("constantPad") { x.constantPad([$0, 0]) }, .init("constantPad2") { x.constantPad([$0, $0]) },
    .init("constantPad.cancel") { x.constantPad([Int.max, $0]) },
    .init("pad.reflect") { line.pad([$0, 0], mode: .reflect) },
    .init("pad.replicate") { line.pad([$0, $0], mode: .replicate) },
    .init("pad.circular") { line.pad([0, $0], mode: .circular) },
    .init("pad.circular2") { line.pad([$0, $0], mode: .circular) },
    .init("pad.cancel") { line.pad([Int.min, $0], mode: .replicate) },
    .init("tril") { matrix.tril($0) }, .init("triu") { matrix.triu($0) }, .init("flip") { x.flip($0) },
    .init("roll") { x.roll($0) }, .init("roll.dim") { x.roll($0, dim: 1) },
    .init("roll.two") { x.roll([$0, $0], dims: [1, 1]) },
    .init("rot90") { matrix.rot90($0) }, .init("combinations") { vector.combinations($0) },
    .init("combinations.with") { Tensor([1.0, 2.0]).combinations($0, withReplacement: true) },
    .init("cat.dim") { Tensor.cat([x, x], dim: $0) }, .init("stack.dim") { Tensor.stack([x, x], dim: $0) },
    .init("cat.huge") { n in
      let y = Tensor.ones(1).expand([Swift.max(n, 0)])
      return Tensor.cat([y, y, y])
    },
    .init("stack.huge") { n in
      let y = Tensor.ones(1).expand([Swift.max(n, 0)])
      return Tensor.stack([y, y, y, y])
    },
    .init("meshgrid.huge") { n in
      let y = Tensor.ones(1).expand([Swift.max(n, 0)])
      return Tensor.cartesianProd([y, y])
    },
    .init("blockDiag.huge") { n in
      let y = Tensor.ones(1, 1).expand([Swift.max(n, 0), 1])
      return Tensor.blockDiag([y, y])
    },
    .init("kron.huge") { n in Tensor.ones(1).expand([Swift.max(n, 0)]).kron(Tensor.ones(4)) },
    .init("outer.huge") { n in
      let y = Tensor.ones(1).expand([Swift.max(n, 0)])
      return y.outer(y)
    },
    .init("matmul.huge") { n in
      let y = Tensor.ones(1, 1).expand([Swift.max(n, 0), 1])
      return y.matmul(y.T)
    },
    .init("cdist.huge") { n in
      let y = Tensor.ones(1, 1).expand([Swift.max(n, 0), 1])
      return y.cdist(y)
    },
  ]

  private static let indexing: [SizedCall] = [
    .init("indexSelect") { x.indexSelect(dim: 0, index: Tensor([$0])) },
    .init("gather") { vector.gather(dim: 0, index: Tensor([$0])) },
    .init("takeAlongDim") { vector.takeAlongDim(Tensor([$0]), dim: 0) },
    .init("scatter") { vector.scatter(dim: 0, index: Tensor([$0]), value: 1) },
    .init("scatterAdd") { vector.scatterAdd(dim: 0, index: Tensor([$0]), src: Tensor([1.0])) },
    .init("scatterReduce") { vector.scatterReduce(dim: 0, index: Tensor([$0]), src: Tensor([1.0]), reduce: .amax) },
    .init("indexAdd") { vector.indexAdd(dim: 0, index: Tensor([$0]), source: Tensor([1.0])) },
    .init("indexFill") { vector.indexFill(dim: 0, index: Tensor([$0]), value: 1) },
    .init("take") { vector.take(Tensor([$0])) },
    .init("put") { vector.put(Tensor([$0]), Tensor([1.0])) }, .init("index") { vector[Tensor([$0])] },
    .init("oneHot") { Tensor([$0]).oneHot() }, .init("oneHot2") { Tensor([1]).oneHot(numClasses: $0) },
    .init("oneHot3") { Tensor([$0, 1]).oneHot(numClasses: $0) },
    .init("bincount") { Tensor([$0]).bincount() }, .init("bincount.min") { Tensor([1]).bincount(minLength: $0) },
    .init("bincount.weights") { Tensor([$0]).bincount(weights: Tensor([1.0])) },
    .init("unravelIndex") { Tensor([3]).unravelIndex([$0, 2]) },
    .init("unravelIndex2") { Tensor([$0]).unravelIndex([2, 3]) },
    .init("unravelIndex3") { Tensor([3]).unravelIndex([$0, $0]) },
    .init("embedding") { Tensor([$0]).embedding(matrix) },
    .init("embedding.padding") { Tensor([0]).embedding(matrix, paddingIdx: $0) },
    .init("embeddingBag") { Tensor([[$0]]).embeddingBag(matrix) },
    .init("embeddingBag.offsets") { Tensor([0, 1]).embeddingBag(matrix, offsets: Tensor([0, $0])) },
    .init("histc") { vector.histc(bins: $0) }, .init("histogram") { vector.histogram($0) },
    .init("histogramdd") { matrix.histogramdd(bins: [$0, 2, 2]) },
    .init("nonzeroStatic") { vector.nonzeroStatic(size: $0) },
    .init("nonzeroStatic.fill") { vector.nonzeroStatic(size: 8, fillValue: $0) },
    .init("topk") { vector.topk($0) }, .init("kthvalue") { vector.kthvalue($0) },
    .init("sparse") { SparseTensor(indices: Tensor([[$0]]), values: Tensor([1.0]), shape: nil as [Int]?) },
    .init("sparse.shape") { SparseTensor(indices: Tensor([[1]]), values: Tensor([1.0]), shape: [$0]).toDense() },
    .init("sparse.shape2") {
      SparseTensor(indices: Tensor([[1], [1]]), values: Tensor([1.0]), shape: [$0, $0]).coalesced()
    },
    .init("sparse.shape3") {
      SparseTensor(indices: Tensor([[1], [1]]), values: Tensor([1.0]), shape: [$0, $0]).toDense()
    },
    .init("toSparse") { matrix.toSparse(sparseDim: $0) },
    .init("csr.rows") {
      SparseMatrix(crowIndices: Tensor([0, 1]), colIndices: Tensor([0]), values: Tensor([1.0]), shape: ($0, 1))
    },
    .init("csr.columns") {
      SparseMatrix(crowIndices: Tensor([0, 1]), colIndices: Tensor([0]), values: Tensor([1.0]), shape: (1, $0))
        .toDense()
    },
    .init("csr.col") {
      SparseMatrix(crowIndices: Tensor([0, 1]), colIndices: Tensor([$0]), values: Tensor([1.0]), shape: nil)
    },
    .init("csr.crow") {
      SparseMatrix(crowIndices: Tensor([0, $0]), colIndices: Tensor([0]), values: Tensor([1.0]), shape: nil)
    },
    .init("nllLoss") { matrix.nllLoss(Tensor([$0, 0, 0])) },
    .init("nllLoss.ignore") { matrix.nllLoss(Tensor([1, 0, 0]), ignoreIndex: $0) },
    .init("crossEntropy") { matrix.crossEntropy(Tensor([$0, 0, 0])) },
    .init("crossEntropy.smooth") { matrix.crossEntropy(Tensor([$0, 0, 0]), labelSmoothing: 0.1) },
    .init("multiMargin") { matrix.multiMarginLoss(Tensor([$0, 0, 0])) },
    .init("multiMargin.p") { matrix.multiMarginLoss(Tensor([0, 0, 0]), p: $0) },
    .init("multilabelMargin") { matrix.multilabelMarginLoss(Tensor([[$0, 0, -1], [0, -1, -1], [0, -1, -1]])) },
    .init("ctc.input") {
      line.transpose(1, 2).reshape(8, 1, 2).logSoftmax(dim: 2).ctcLoss(
        Tensor([[1]]), inputLengths: [$0], targetLengths: [1])
    },
    .init("ctc.target") {
      line.transpose(1, 2).reshape(8, 1, 2).logSoftmax(dim: 2).ctcLoss(
        Tensor([[1]]), inputLengths: [8], targetLengths: [$0])
    },
    .init("ctc.label") {
      line.transpose(1, 2).reshape(8, 1, 2).logSoftmax(dim: 2).ctcLoss(
        Tensor([[$0]]), inputLengths: [8], targetLengths: [1])
    },
    .init("ctc.flat") { n in
      line.repeat([1, 1, 1]).reshape(8, 2, 1).expand([8, 2, 3]).logSoftmax(dim: 2).ctcLoss(
        Tensor([1, 1]), inputLengths: [8, 8], targetLengths: [n, n])
    },
    .init("ctc.blank") {
      line.transpose(1, 2).reshape(8, 1, 2).logSoftmax(dim: 2).ctcLoss(
        Tensor([[1]]), inputLengths: [8], targetLengths: [1], blank: $0)
    },
    .init("searchsorted.sorter") { vector.searchsorted(Tensor([1.0]), sorter: Tensor([$0, 1, 2, 3, 4, 5])) },
    .init("maxUnpool.index") { peaks.maxUnpool1d(Tensor([[[$0, 0]]]), 2) },
    .init("luUnpack") { matrix.luUnpack(Tensor([Int32(truncatingIfNeeded: $0), 2, 3])) },
  ]
}
