public class Up {
    public static void main(String[] arguments) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("bye")));
        System.out.println("up " + System.getenv("JAVA_HOME"));
        Thread.sleep(100_000_000);
    }
}
