import Flameback
import FlamebackKernels
import FlamebackTesting
import Foundation
import Testing

/// An operation that is run with one of its allocations failing, the first, the second, and so on.
struct StarvedCall: Sendable, CustomTestStringConvertible {
  let name: String
  let run: @Sendable () -> Any

  init(_ name: String, _ run: @escaping @Sendable () -> Any) { (self.name, self.run) = (name, run) }
  var testDescription: String { name }
}

/// Memory that is not there, tensors' and kernels' alike, is an error, and the process goes on.
@Suite(.serialized) struct StarvationTests {
  private static let x = Tensor.arange(24.0).reshape(2, 3, 4)
  private static let turned = x.transpose(0, 2)
  private static let image = Tensor.arange(1024.0).reshape(1, 4, 16, 16) / 1024.0
  private static let matrix = Tensor.eye(5) * 2.0 + Tensor.ones(5, 5)
  private static let line = Tensor.arange(64.0)
  private static let calls: [StarvedCall] = [
    .init("zeros") { Tensor.zeros(3, 4) }, .init("eye") { Tensor.eye(5) }, .init("arange") { Tensor.arange(10) },
    .init("linspace") { Tensor.linspace(0, 1, 5) }, .init("tensor") { Tensor([1.0, 2.0]) },
    .init("randn") { Tensor.randn(4) },
    .init("randperm") { Tensor.randperm(9) }, .init("bernoulli") { x.bernoulli(0.5) },
    .init("dropout") { x.dropout(0.5) },
    .init("add") { x + x }, .init("addScalar") { x + 1.0 }, .init("strided") { turned * 2.0 },
    .init("broadcast") { x + Tensor.ones(4) },
    .init("chain") { (x + 1.0).sigmoid() * x.tanh() - x }, .init("clone") { turned.contiguous() },
    .init("to") { x.to(.float64) },
    .init("compound") { () -> Any in
      var y = x + 0.0; y += 1.0; y *= x; return y
    },
    .init("assign") { () -> Any in
      var y = x + 0.0; y[0, 1...2] = Tensor(5.0); y[Tensor([1])] = Tensor(2.0); return y
    },
    .init("sum") { turned.sum() }, .init("sumDims") { x.sum(dim: [0, 2]) }, .init("mean") { turned.mean(dim: [0, 1]) },
    .init("var") { turned.var() },
    .init("amax") { turned.amax(dim: 1) }, .init("argmax") { x.argmax(dim: 1) }, .init("prod") { x.prod(dim: 0) },
    .init("norm") { turned.vectorNorm() },
    .init("softmax") { turned.softmax(dim: 1) }, .init("logSoftmax") { x.logSoftmax(dim: 0) },
    .init("logsumexp") { x.logsumexp(dim: 1) },
    .init("cumsum") { x.cumsum(dim: 1) }, .init("cummax") { x.cummax(dim: 1) }, .init("sort") { turned.sort(dim: 0) },
    .init("topk") { x.topk(2) },
    .init("kthvalue") { x.kthvalue(2) }, .init("median") { x.median() }, .init("mode") { x.mode() },
    .init("unique") { x.unique() },
    .init("uniqueDim") { x.unique(dim: 0) }, .init("quantile") { line.quantile(0.3) },
    .init("histc") { line.histc(bins: 5) }, .init("bincount") { Tensor([1, 2, 1]).bincount() },
    .init("searchsorted") { line.searchsorted(x) }, .init("nonzero") { x.nonzero() },
    .init("maskedSelect") { x.maskedSelect(x .> 3) }, .init("where") { select(where: x .> 3, x, 0.0) },
    .init("gather") { x.gather(dim: 1, index: Tensor([[[0, 1, 2, 0]]])) },
    .init("scatter") { x.scatterAdd(dim: 1, index: Tensor([[[0, 1, 2, 0]]]), src: Tensor.ones(1, 1, 4)) },
    .init("scatterMean") {
      x.scatterReduce(dim: 1, index: Tensor([[[0, 1, 2, 0]]]), src: Tensor.ones(1, 1, 4), reduce: .mean)
    },
    .init("indexSelect") { turned.indexSelect(dim: 1, index: Tensor([0, 2])) },
    .init("indexAdd") { x.indexAdd(dim: 0, index: Tensor([1]), source: Tensor.ones(1, 3, 4)) },
    .init("index") { x[Tensor([0, 1]), Tensor([2, 0])] }, .init("take") { x.take(Tensor([3, 5])) },
    .init("embedding") { Tensor([0, 2]).embedding(matrix) },
    .init("oneHot") { Tensor([1, 2]).oneHot() }, .init("cat") { Tensor.cat([x, turned.transpose(0, 2)], dim: 1) },
    .init("stack") { Tensor.stack([x, x]) },
    .init("pad") { x.constantPad([1, 1]) }, .init("padReflect") { image.pad([1, 1, 1, 1], mode: .reflect) },
    .init("repeat") { x.repeat([2, 1, 1]) }, .init("roll") { x.roll(1) },
    .init("flip") { x.flip(0) }, .init("tril") { matrix.tril() }, .init("diagEmbed") { line.diagEmbed() },
    .init("repeatInterleave") { x.repeatInterleave(2, dim: 1) },
    .init("matmul") { matrix.matmul(matrix) }, .init("matmulTurned") { turned.matmul(Tensor.ones(2, 3)) },
    .init("bmm") { x.expand([2, 3, 4]).matmul(x.transpose(1, 2)) },
    .init("matmulHalf") { matrix.to(.float16).matmul(matrix.to(.float16)) },
    .init("matmulLarge") { Tensor.ones(128, 96).matmul(Tensor.ones(96, 80)) },
    .init("addmm") { matrix.addmm(matrix, matrix) }, .init("einsum") { einsum("ij,jk->ki", matrix, matrix) },
    .init("linear") { matrix.linear(matrix, line[..<5]) },
    .init("solve") { matrix.solve(matrix) }, .init("inverse") { matrix.inverse() }, .init("det") { matrix.det() },
    .init("lu") { matrix.luFactor() },
    .init("qr") { matrix.qr() }, .init("svd") { matrix.svd() }, .init("svdvals") { matrix.svdvals() },
    .init("eigh") { matrix.eigh() }, .init("eig") { matrix.eig() },
    .init("cholesky") { matrix.cholesky() }, .init("lstsq") { matrix.lstsq(matrix) },
    .init("matrixExp") { matrix.matrixExp() }, .init("pinv") { matrix.pinv() },
    .init("triangular") { matrix.solveTriangular(matrix, upper: true) }, .init("matrixRank") { matrix.matrixRank() },
    .init("ldl") { matrix.ldlFactor() },
    .init("fft") { line.fft() }, .init("rfft") { line.rfft() }, .init("irfft") { line.rfft().irfft() },
    .init("stft") { line.stft(nFFT: 8, window: Tensor.ones(8)) },
    .init("conv2d") { image.conv2d(Tensor.ones(4, 4, 3, 3), padding: 1) },
    .init("convNarrow") { image[0..., ..<1].conv2d(Tensor.ones(2, 1, 3, 3)) },
    .init("convDepthwise") { image.conv2d(Tensor.ones(4, 1, 3, 3), groups: 4) },
    .init("conv1d") { line.view(1, 2, 32).conv1d(Tensor.ones(3, 2, 3)) },
    .init("conv3d") { image.view(1, 1, 4, 16, 16).conv3d(Tensor.ones(2, 1, 2, 3, 3)) },
    .init("conv1x1") { image.conv2d(Tensor.ones(8, 4, 1, 1)) },
    .init("convStride") { image.conv2d(Tensor.ones(8, 4, 3, 3), stride: 2, dilation: 2) },
    .init("convTranspose") { image.convTranspose2d(Tensor.ones(4, 3, 3, 3), stride: 2) },
    .init("conv64") { image.to(.float64).conv2d(Tensor.ones(4, 4, 3, 3, dtype: .float64)) },
    .init("convGroups") { image.conv2d(Tensor.ones(4, 2, 3, 3), groups: 2) },
    .init("convWinograd") { Tensor.ones(1, 64, 16, 16).conv2d(Tensor.ones(64, 64, 3, 3), padding: 1) },
    .init("maxPool") { image.maxPool2d(2) }, .init("avgPool") { image.avgPool2d(3, stride: 1, padding: 1) },
    .init("adaptivePool") { image.adaptiveAvgPool2d(5) },
    .init("adaptiveMax") { image.adaptiveMaxPool2d(3) }, .init("lpPool") { image.lpPool2d(normType: 2, 2) },
    .init("fractional") { image.fractionalMaxPool2d(2, outputSize: 5) },
    .init("unpool") { () -> Any in
      let y = image.maxPool2dWithIndices(2); return y.output.maxUnpool2d(y.indices, 2)
    }, .init("unfold") { image.unfold(kernelSize: 3) },
    .init("fold") { image.unfold(kernelSize: 3).fold(outputSize: 16, kernelSize: 3) },
    .init("interpolate") { image.interpolate(size: 7, mode: .bilinear) },
    .init("bicubic") { image.interpolate(scaleFactor: 2.0, mode: .bicubic) },
    .init("nearest") { image.interpolate(size: 5) },
    .init("antialias") { image.interpolate(size: 5, mode: .bilinear, antialias: true) },
    .init("gridSample") { image.gridSample(Tensor.zeros(1, 3, 3, 2)) },
    .init("batchNorm") { image.batchNorm(runningMean: nil, runningVar: nil, training: true) },
    .init("layerNorm") { x.layerNorm([4]) },
    .init("groupNorm") { image.groupNorm(2) }, .init("instanceNorm") { image.instanceNorm() },
    .init("rmsNorm") { x.rmsNorm([4]) }, .init("localResponse") { image.localResponseNorm(2) },
    .init("crossEntropy") { matrix.crossEntropy(Tensor([0, 1, 2, 3, 4])) },
    .init("nllLoss") { matrix.nllLoss(Tensor([0, 1, 2, 3, 4])) },
    .init("bce") { (matrix / 4.0).binaryCrossEntropy(matrix / 8.0) },
    .init("ctc") {
      Tensor.ones(6, 1, 3).logSoftmax(dim: 2).ctcLoss(Tensor([[1, 2]]), inputLengths: [6], targetLengths: [2])
    }, .init("mse") { x.mseLoss(x + 1.0) },
    .init("multilabel") { matrix.multilabelMarginLoss(Tensor.zeros(5, 5, dtype: .int64)) },
    .init("cosine") { x.cosineSimilarity(x) }, .init("cdist") { matrix.cdist(matrix) },
    .init("pdist") { matrix.pdist() },
    .init("attention") { x.scaledDotProductAttention(x, x) },
    .init("attentionTurned") {
      turned.transpose(0, 1).scaledDotProductAttention(turned.transpose(0, 1), turned.transpose(0, 1), isCausal: true)
    },
    .init("lstm") { () -> Any in LSTM(4, 3)(x).output }, .init("gru") { () -> Any in GRU(4, 3)(x).output },
    .init("rnn") { () -> Any in RNN(4, 3)(x).output },
    .init("multinomial") { matrix.multinomial(2) }, .init("poisson") { x.poisson() },
    .init("lerp") { x.lerp(x + 1.0, weight: 0.5) }, .init("where2") { x.maskedFill(x .> 2, 0) },
    .init("combinations") { line.combinations(2) }, .init("cov") { matrix.cov() },
    .init("renorm") { matrix.renorm(p: 2, dim: 0, maxNorm: 1) }, .init("sparse") { matrix.toSparse().toDense() },
    .init("scalars") { turned.scalars(Double.self) }, .init("item") { x.sum().itemDouble() },
    .init("description") { "\(turned)" }, .init("polar") { Tensor.polar(x, x) },
    .init("complex") { Tensor.complex(x, x).abs() },
    .init("backward") { () -> Any in
      let w = Tensor.ones(4, 3, requiresGrad: true)
      (turned.transpose(0, 2).matmul(w).relu().sum() + w.square().mean()).backward()
      return w.grad as Any
    },
    .init("backwardConv") { () -> Any in
      let w = Tensor.ones(4, 4, 3, 3, requiresGrad: true)
      image.conv2d(w, padding: 1).batchNorm(runningMean: nil, runningVar: nil, training: true).output.maxPool2d(2)
        .crossEntropy(Tensor.zeros(1, 8, 8, dtype: .int64)).backward()
      return w.grad as Any
    },
    .init("backwardAttention") { () -> Any in
      let w = x.detached().requiringGrad()
      w.scaledDotProductAttention(w, w).layerNorm([4]).sum().backward()
      return w.grad as Any
    },
    .init("backwardLSTM") { () -> Any in
      let layer = LSTM(4, 3)
      layer(x).output.sum().backward()
      return layer.parameters().map(\.grad)
    },
    .init("optimizer") { () -> Any in
      let layer = Linear(4, 2)
      let optimizer = AdamW(layer.parameters(), lr: 0.1)
      for _ in 0..<2 {
        optimizer.zeroGrad()
        layer(x).square().sum().backward()
        _ = clipGradNorm(layer.parameters(), maxNorm: 1)
        optimizer.step()
      }
      return layer.weight
    },
    .init("compiled") { () -> Any in
      let layer = Linear(4, 2)
      let fast = compile(layer)
      return inferenceMode { [fast(x), fast(x)] }
    },
  ]

  @Test(arguments: calls) func eachAllocationMayFail(_ call: StarvedCall) {
    _ = try? withErrors(call.run)  // tables that are made once
    var n = 0
    while n < 2000 {
      n += 1
      var message: String?
      let starved = KernelMemory.starving(n) {
        do { _ = try withErrors(call.run) } catch { message = "\(error)" }
      }
      if !starved { break }
      // Kept forms and caches are done without where there is no memory for them.
      if let message { #expect(message.contains("out of memory"), "\(call.name), allocation \(n): \(message)") }
      #expect(KernelMemory.takeFailure() == nil, "\(call.name), allocation \(n)")
    }
    #expect(n > 1 && n < 2000, "\(call.name)")
    #expect(throws: Never.self, "\(call.name)") { try withErrors { _ = call.run() } }
  }

  /// Limits of the allocator: many small tensors end in an error, and the process goes on.
  @Test func theLimitIsAnError() async {
    await #expect(processExitsWith: .success) {
      CachingAllocator.host.setLimits(active: CachingAllocator.host.statistics.active + (1 << 20))
      let calls: [() -> Any] = [
        { (0..<20_000).map { _ in Tensor.ones(16) } }, { Tensor.eye(1000) }, { Tensor.eye(200_000) },
        { Tensor.arange(1_000_000) }, { Tensor.ones(600, 600).inverse() },
        { Tensor.ones(1000).outer(Tensor.ones(1000)) },
      ]
      for call in calls {
        do {
          _ = try withErrors(call)
          exit(1)
        } catch {}
      }
      exit(Tensor.ones(3).sum().itemDouble() == 3 ? 0 : 2)
    }
  }
}
