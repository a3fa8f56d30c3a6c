package example;

import dev.fovea.models.ImageClassifier;
import java.nio.file.Path;
import org.springframework.boot.ApplicationArguments;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/// The classifier as a bean of a Spring Boot program, which is one jar with Fovea's jars inside.
@SpringBootApplication
class Server {
  public static void main(String[] arguments) {
    SpringApplication.run(Server.class, arguments).close();
  }

  /// Spring closes it.
  @Bean
  ImageClassifier classifier(ApplicationArguments arguments) {
    return ImageClassifier.open(Path.of(arguments.getSourceArgs()[0]));
  }

  /// Prints a line for each class of each picture, with the exact score.
  @Bean
  CommandLineRunner answers(ImageClassifier classifier) {
    return arguments -> {
      for (int i = 1; i < arguments.length; i++) {
        var picture = Path.of(arguments[i]);
        for (var answer : classifier.classify(picture))
          System.out.println(picture.getFileName() + " " + answer.label() + " " + Float.toHexString(answer.score()));
      }
    };
  }
}
