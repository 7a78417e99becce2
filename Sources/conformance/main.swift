import FlamebackTesting
import Foundation

exit(ConformanceCommand.main(CommandLine.arguments))
