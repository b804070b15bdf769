import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.CreateMode;

/**
 * Curator's recipes with every path below a base. Arguments: connect string, base. Prints a line for each
 * recipe; a wrong result or a time-out ends the program with status 1.
 */
public final class CuratorRecipes {
    private static CuratorFramework a;
    private static CuratorFramework b;
    private static CuratorFramework own;
    private static String base;
    private static final ExecutorService threads = Executors.newCachedThreadPool();

    private static void check(boolean good, String what) {
        if (!good) {
            System.out.println("WRONG " + what);
            System.out.flush();
            Runtime.getRuntime().halt(1);
        }
        System.out.println(what);
    }

    private interface Probe {
        boolean holds() throws Exception;
    }

    private static void eventually(Probe probe, String what) throws Exception {
        for (int i = 0; i < 1000 && !probe.holds(); i++) {
            Thread.sleep(10);
        }
        check(probe.holds(), what);
    }

    private static CuratorFramework connect(String where) {
        CuratorFramework client = CuratorFrameworkFactory.newClient(where, 20000, 15000,
            new ExponentialBackoffRetry(100, 3));
        client.start();
        return client;
    }

    private static void locks() throws Exception {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        List<Future<?>> jobs = new ArrayList<>();
        for (CuratorFramework client : List.of(a, b, a, b)) {
            InterProcessMutex mutex = new InterProcessMutex(client, base + "/mutex");
            jobs.add(threads.submit(() -> {
                for (int i = 0; i < 10; i++) {
                    mutex.acquire();
                    most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                    inside.decrementAndGet();
                    mutex.release();
                }
                return null;
            }));
        }
        for (Future<?> job : jobs) {
            job.get(30, TimeUnit.SECONDS);
        }
        check(most.get() == 1, "mutex: one at a time");
        InterProcessReadWriteLock first = new InterProcessReadWriteLock(a, base + "/rw");
        InterProcessReadWriteLock second = new InterProcessReadWriteLock(b, base + "/rw");
        first.readLock().acquire();
        check(second.readLock().acquire(10, TimeUnit.SECONDS), "two readers");
        check(!second.writeLock().acquire(200, TimeUnit.MILLISECONDS), "no writer beside readers");
        first.readLock().release();
        second.readLock().release();
        check(second.writeLock().acquire(10, TimeUnit.SECONDS), "a writer");
        second.writeLock().release();
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(a, base + "/semaphore", 2);
        var one = semaphore.acquire();
        var two = semaphore.acquire();
        check(semaphore.acquire(200, TimeUnit.MILLISECONDS) == null, "semaphore: no third lease");
        semaphore.returnLease(one);
        var three = semaphore.acquire(10, TimeUnit.SECONDS);
        check(three != null, "semaphore: a returned lease");
        semaphore.returnLease(two);
        semaphore.returnLease(three);
    }

    private static void elections() throws Exception {
        LeaderLatch first = new LeaderLatch(a, base + "/latch", "a");
        LeaderLatch second = new LeaderLatch(b, base + "/latch", "b");
        first.start();
        check(first.await(10, TimeUnit.SECONDS), "latch: a leads");
        second.start();
        eventually(() -> second.getParticipants().size() == 2, "latch: two participants");
        check(!second.hasLeadership(), "latch: b does not lead");
        first.close();
        check(second.await(10, TimeUnit.SECONDS), "latch: b leads after a closed");
        second.close();
        CountDownLatch led = new CountDownLatch(2);
        List<LeaderSelector> selectors = new ArrayList<>();
        for (CuratorFramework client : List.of(a, b)) {
            LeaderSelector selector = new LeaderSelector(client, base + "/selector",
                new LeaderSelectorListenerAdapter() {
                    @Override
                    public void takeLeadership(CuratorFramework c) {
                        led.countDown();
                    }
                });
            selector.start();
            selectors.add(selector);
        }
        check(led.await(10, TimeUnit.SECONDS), "selector: both led in turn");
        selectors.forEach(LeaderSelector::close);
    }

    private static void barriersAndQueues() throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(a, base + "/barrier");
        barrier.setBarrier();
        Future<Boolean> waiting =
            threads.submit(() -> new DistributedBarrier(b, base + "/barrier").waitOnBarrier(10, TimeUnit.SECONDS));
        Thread.sleep(50);
        check(!waiting.isDone(), "barrier: holds");
        barrier.removeBarrier();
        check(waiting.get(10, TimeUnit.SECONDS), "barrier: lifted");
        Future<Boolean> entered = threads.submit(
            () -> new DistributedDoubleBarrier(b, base + "/double", 2).enter(10, TimeUnit.SECONDS));
        check(new DistributedDoubleBarrier(a, base + "/double", 2).enter(10, TimeUnit.SECONDS), "double barrier: a");
        check(entered.get(10, TimeUnit.SECONDS), "double barrier: b");
        SimpleDistributedQueue in = new SimpleDistributedQueue(a, base + "/queue");
        SimpleDistributedQueue out = new SimpleDistributedQueue(b, base + "/queue");
        for (byte i = 0; i < 20; i++) {
            in.offer(new byte[] {i});
        }
        boolean ordered = true;
        for (byte i = 0; i < 20; i++) {
            ordered &= out.poll(10, TimeUnit.SECONDS)[0] == i;
        }
        check(ordered, "queue: in order");
    }

    private static void counters() throws Exception {
        List<Future<?>> jobs = new ArrayList<>();
        for (CuratorFramework client : List.of(a, b)) {
            DistributedAtomicLong counter = new DistributedAtomicLong(client, base + "/counter",
                new ExponentialBackoffRetry(10, 20));
            jobs.add(threads.submit(() -> {
                for (int i = 0; i < 20; i++) {
                    while (!counter.increment().succeeded()) {
                        Thread.sleep(5);
                    }
                }
                return null;
            }));
        }
        for (Future<?> job : jobs) {
            job.get(30, TimeUnit.SECONDS);
        }
        DistributedAtomicLong counter = new DistributedAtomicLong(a, base + "/counter",
            new ExponentialBackoffRetry(10, 20));
        check(counter.get().postValue() == 40, "counter: 40");
        SharedCount left = new SharedCount(a, base + "/shared", 7);
        SharedCount right = new SharedCount(b, base + "/shared", 7);
        left.start();
        right.start();
        left.setCount(8);
        eventually(() -> right.getCount() == 8, "shared count: seen by the other");
        left.close();
        right.close();
    }

    private static void cachesAndNodes() throws Exception {
        b.create().creatingParentsIfNeeded().forPath(base + "/cached/one", new byte[] {1});
        /* Before 3.9 a one-shot watch replaces a recursive one of the same session: a session of its own. */
        CuratorCache cache = CuratorCache.build(own, base + "/cached");
        TreeCache tree = new TreeCache(a, base + "/cached");
        PathChildrenCache children = new PathChildrenCache(a, base + "/cached", true);
        cache.start();
        tree.start();
        children.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
        eventually(() -> cache.get(base + "/cached/one").isPresent(), "cache: what was there");
        eventually(() -> tree.getCurrentData(base + "/cached/one") != null, "tree cache: what was there");
        for (byte i = 2; i < 12; i++) {
            b.setData().forPath(base + "/cached/one", new byte[] {i});
        }
        b.create().creatingParentsIfNeeded().forPath(base + "/cached/two/deep", new byte[] {5});
        eventually(() -> cache.get(base + "/cached/one").get().getData()[0] == 11, "cache: newest data");
        eventually(() -> cache.get(base + "/cached/two/deep").isPresent(), "cache: new znode");
        eventually(() -> tree.getCurrentData(base + "/cached/one").getData()[0] == 11, "tree cache: newest data");
        eventually(() -> tree.getCurrentData(base + "/cached/two/deep") != null, "tree cache: new znode");
        eventually(() -> children.getCurrentData(base + "/cached/one").getData()[0] == 11, "children cache: data");
        b.delete().deletingChildrenIfNeeded().forPath(base + "/cached/two");
        eventually(() -> !cache.get(base + "/cached/two").isPresent(), "cache: deleted");
        eventually(() -> tree.getCurrentData(base + "/cached/two") == null, "tree cache: deleted");
        eventually(() -> children.getCurrentData().size() == 1, "children cache: deleted");
        cache.close();
        tree.close();
        children.close();
        GroupMember left = new GroupMember(a, base + "/group", "left");
        GroupMember right = new GroupMember(b, base + "/group", "right");
        left.start();
        right.start();
        eventually(() -> left.getCurrentMembers().size() == 2, "group: two members");
        right.close();
        eventually(() -> left.getCurrentMembers().size() == 1, "group: one member left");
        left.close();
        PersistentNode node = new PersistentNode(a, CreateMode.EPHEMERAL, false, base + "/persistent", new byte[] {3});
        node.start();
        check(node.waitForInitialCreate(10, TimeUnit.SECONDS), "persistent node");
        b.delete().forPath(base + "/persistent");
        eventually(() -> b.checkExists().forPath(base + "/persistent") != null, "persistent node: made again");
        node.close();
    }

    public static void main(String[] args) throws Exception {
        base = args[1];
        a = connect(args[0]);
        b = connect(args[0]);
        own = connect(args[0]);
        a.create().creatingParentsIfNeeded().forPath(base, new byte[0]);
        locks();
        elections();
        barriersAndQueues();
        counters();
        cachesAndNodes();
        List<String> names = a.getChildren().forPath(base);
        Collections.sort(names);
        System.out.println(names);
        a.close();
        b.close();
        own.close();
        threads.shutdownNow();
        System.out.println("done");
    }
}
