import CKernels
import FlamebackKernels

/// Sets how many threads compute at once, the calling one included. SeeAlso: torch.set_num_threads
public func setNumThreads(_ count: Int) {
  guard count >= 1 else { return report(OpError("setNumThreads", "expected at least 1, got \(count)")) }
  fb_set_threads(Int32(clamping: count))
}

/// SeeAlso: torch.get_num_threads
public func numThreads() -> Int { ThreadPool.threadCount }

/// The instruction set that the vector kernels run on. SeeAlso: torch.backends.cpu.get_cpu_capability
public func vectorTarget() -> String { String(cString: fb_vector_target()) }

/// The processor whose kernels OpenBLAS takes for linear algebra.
public func blasCore() -> String { String(cString: fb_blas_core()) }
