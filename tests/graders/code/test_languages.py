"""Function tests and asserts in the other languages: the same problems, each in the form LeetCode gives them there.

A language that is not in the runner's jails is skipped; all of them are in the docker image.
"""

from typing import Any

import pytest

from graders.code.drivers import driver_for
from graders.errors import TaskInvalid
from graders.task import FunctionCase, FunctionTests
from graders.verdict import Outcome, Reason
from sandbox.runner import Runner
from tests.graders.code.conftest import Grade

P, W, R, C, T = (
    Reason.PASSED,
    Reason.WRONG_ANSWER,
    Reason.RUNTIME_ERROR,
    Reason.COMPILE_ERROR,
    Reason.TIME_LIMIT,
)
PROBLEMS: dict[str, tuple[str, list[tuple[list[Any], Any]], str]] = {
    "add": ("Solution.add", [([1, 2], 3), ([5, -7], -2)], "equal"),
    "twoSum": ("Solution.twoSum", [([[2, 7, 11, 15], 9], [0, 1]), ([[3, 2, 4], 6], [1, 2])], "unordered"),
    "reverse": ("Solution.reverseList", [([[1, 2, 3]], [3, 2, 1]), ([[]], [])], "equal"),
    "invert": (
        "Solution.invertTree",
        [([[4, 2, 7, 1, None, None, 9]], [4, 7, 2, 9, None, None, 1]), ([[]], [])],
        "equal",
    ),
    "merge": ("Solution.mergeKLists", [([[[1, 4], [], [2]]], [1, 2, 4])], "equal"),
    "sort": ("Solution.sortColors", [([[2, 0, 1]], [0, 1, 2])], "equal"),
    "strings": (
        "Solution.group",
        [([["eat", 'te"\\a', "é\u4e2d😀"], "x"], [["eat", 'te"\\a', "é\u4e2d😀"], ["x"]])],
        "equal",
    ),
    "average": ("Solution.avg", [([[1, 2]], 1.5), ([[1, 3]], 2.0)], "equal"),
    "grid": ("Solution.count", [([[["1", "0"], ["1", "1"]]], 3)], "equal"),
    "stack": (
        "MinStack",
        [
            (
                [["MinStack", "push", "push", "getMin", "pop", "top"], [[], [3], [1], [], [], []]],
                [None, None, None, 1, None, 3],
            )
        ],
        "equal",
    ),
    "cache": (
        "LRUCache",
        [([["LRUCache", "put", "get", "get"], [[2], [1, 7], [1], [2]]], [None, None, 7, -1])],
        "equal",
    ),
}

# (language, problem, reason, code)
PROGRAMS: list[tuple[str, str, Reason, str]] = [
    ("javascript", "add", P, "class Solution { add(a,b){ return a+b; } }"),
    ("javascript", "add", P, "var add = function(a,b){ return a+b; };"),
    ("javascript", "add", P, "const add = (a,b) => a+b; module.exports = {add};"),
    ("javascript", "add", P, "export function add(a,b){ return a+b }"),
    ("javascript", "add", W, "async function add(a,b){ return a-b }"),
    ("javascript", "add", C, "function add(a,b){ return a+b "),
    ("javascript", "add", R, "function add(a,b){ throw new Error('x') }"),
    ("javascript", "add", R, "function add(a,b){ process.exit(0) }"),
    ("javascript", "add", T, "function add(a,b){ while(true){} }"),
    (
        "javascript",
        "twoSum",
        P,
        """
/**
 * @param {number[]} nums
 */
var twoSum = function(nums, target) { const m=new Map(); for(let i=0;i<nums.length;i++){
if(m.has(target-nums[i])) return [i,m.get(target-nums[i])]; m.set(nums[i],i);} };
""",
    ),
    (
        "javascript",
        "reverse",
        P,
        """
/**
 * @param {ListNode} head
 * @return {ListNode}
 */
var reverseList = function(head) { let p=null; while(head){ const n=head.next;
head.next=p; p=head; head=n;} return p; };
""",
    ),
    (
        "javascript",
        "invert",
        P,
        """
/**
 * @param {TreeNode} root
 * @return {TreeNode}
 */
var invertTree = function(root) { if(!root) return root;
[root.left,root.right]=[invertTree(root.right),invertTree(root.left)]; return root; };
""",
    ),
    (
        "javascript",
        "merge",
        P,
        """
/**
 * @param {ListNode[]} lists
 * @return {ListNode}
 */
var mergeKLists = function(lists) { const v=[];
for(let l of lists) while(l){v.push(l.val); l=l.next} v.sort((a,b)=>a-b);
let d=new ListNode(0),t=d; for(const x of v){t.next=new ListNode(x); t=t.next}
return d.next };
""",
    ),
    ("javascript", "sort", P, "var sortColors = function(nums) { nums.sort((a,b)=>a-b); };"),
    ("javascript", "average", P, "var avg = n => n.reduce((a,b)=>a+b,0)/n.length"),
    (
        "javascript",
        "stack",
        P,
        """
var MinStack = function(){ this.s=[] };
MinStack.prototype.push=function(x){this.s.push(x)};
MinStack.prototype.pop=function(){this.s.pop()};
MinStack.prototype.top=function(){return this.s[this.s.length-1]};
MinStack.prototype.getMin=function(){return Math.min(...this.s)};
""",
    ),
    (
        "javascript",
        "cache",
        P,
        """
class LRUCache { constructor(n){ this.m=new Map() } get(k){
return this.m.has(k)?this.m.get(k):-1 } put(k,v){ this.m.set(k,v) } }
""",
    ),
    (
        "cpp",
        "add",
        P,
        """
class Solution {
public:
int add(int a,int b){return a+b;}
};
""",
    ),
    ("cpp", "add", P, "long long add(const int& a,long long b){return a+b;}"),
    (
        "cpp",
        "add",
        W,
        """
class Solution {
public:
int add(int a,int b){return a-b;}
};
""",
    ),
    (
        "cpp",
        "add",
        C,
        """
class Solution {
public:
int add(int a,int b){return a-b }
};
""",
    ),
    (
        "cpp",
        "add",
        R,
        """
class Solution {
public:
int add(int a,int b){ throw runtime_error("x"); }
};
""",
    ),
    (
        "cpp",
        "add",
        R,
        """
class Solution {
public:
int add(int a,int b){ exit(0); }
};
""",
    ),
    (
        "cpp",
        "add",
        T,
        """
class Solution {
public:
int add(int a,int b){ volatile int x=1; while(x); return 0; }
};
""",
    ),
    (
        "cpp",
        "add",
        P,
        """
class Solution {
public:
static int add(int a,int b){return a+b;}
};
int main(){ return 0; }
""",
    ),
    (
        "cpp",
        "add",
        R,
        """
class Solution {
public:
int add(int a,int b){ int*p=0; *p=1; return 0; }
};
""",
    ),
    (
        "cpp",
        "twoSum",
        P,
        """
class Solution {
public:
vector<int> twoSum(vector<int>& nums, int target) { unordered_map<int,int> m;
for(int i=0;i<(int)nums.size();i++){
if(m.count(target-nums[i])) return {i,m[target-nums[i]]}; m[nums[i]]=i;} return {}; }
};
""",
    ),
    (
        "cpp",
        "reverse",
        P,
        """
class Solution {
public:
ListNode* reverseList(ListNode* head) { ListNode*p=nullptr;
while(head){auto n=head->next; head->next=p; p=head; head=n;} return p; }
};
""",
    ),
    (
        "cpp",
        "reverse",
        P,
        """
struct ListNode { int val; ListNode *next; ListNode(int x) : val(x), next(NULL) {} };
class Solution {
public:
ListNode* reverseList(ListNode* head) { ListNode*p=nullptr;
while(head){auto n=head->next; head->next=p; p=head; head=n;} return p; }
};
""",
    ),
    (
        "cpp",
        "invert",
        P,
        """
class Solution {
public:
TreeNode* invertTree(TreeNode* r) { if(r){ swap(r->left,r->right); invertTree(r->left);
invertTree(r->right);} return r; }
};
""",
    ),
    (
        "cpp",
        "merge",
        P,
        """
class Solution {
public:
ListNode* mergeKLists(vector<ListNode*>& lists) { vector<int> v;
for(auto l:lists) for(;l;l=l->next) v.push_back(l->val); sort(v.begin(),v.end());
ListNode d,*t=&d; for(int x:v){t->next=new ListNode(x); t=t->next;} return d.next; }
};
""",
    ),
    (
        "cpp",
        "sort",
        P,
        """
class Solution {
public:
void sortColors(vector<int>& nums) { sort(nums.begin(),nums.end()); }
};
""",
    ),
    (
        "cpp",
        "strings",
        P,
        """
class Solution {
public:
vector<vector<string>> group(vector<string> a, const string& x) { return {a,{x}}; }
};
""",
    ),
    (
        "cpp",
        "average",
        P,
        """
class Solution {
public:
double avg(vector<int>& n){ return accumulate(n.begin(),n.end(),0.0)/n.size(); }
};
""",
    ),
    (
        "cpp",
        "grid",
        P,
        """
class Solution {
public:
int count(vector<vector<char>>& g){ int c=0; for(auto&r:g) for(char x:r) c+=x=='1';
return c; }
};
""",
    ),
    (
        "cpp",
        "stack",
        P,
        """
class MinStack {
 vector<int> s;
public:
 MinStack() {}
 void push(int v){s.push_back(v);} void pop(){s.pop_back();} int top(){return s.back();}
int getMin(){return *min_element(s.begin(),s.end());}
};
""",
    ),
    (
        "cpp",
        "cache",
        P,
        """
class LRUCache { unordered_map<int,int> m; int c;
public: LRUCache(int capacity): c(capacity) {} int get(int k){ return m.count(k)?m[k]:-1;
} void put(int k,int v){ m[k]=v; } };
""",
    ),
    (
        "java",
        "add",
        P,
        """
class Solution {
public int add(int a,int b){return a+b;}
}
""",
    ),
    (
        "java",
        "add",
        P,
        """
public class Solution {
public static long add(Integer a,long b){return a+b;}
}
""",
    ),
    (
        "java",
        "add",
        W,
        """
class Solution {
public int add(int a,int b){return a-b;}
}
""",
    ),
    (
        "java",
        "add",
        C,
        """
class Solution {
public int add(int a,int b){return a-b }
}
""",
    ),
    (
        "java",
        "add",
        R,
        """
class Solution {
public int add(int a,int b){ throw new RuntimeException("x"); }
}
""",
    ),
    (
        "java",
        "add",
        R,
        """
class Solution {
public int add(int a,int b){ System.exit(0); return 0; }
}
""",
    ),
    (
        "java",
        "add",
        T,
        """
class Solution {
public int add(int a,int b){ while(a<9){} return 0; }
}
""",
    ),
    (
        "java",
        "twoSum",
        P,
        """
class Solution {
public int[] twoSum(int[] nums, int target) { Map<Integer,Integer> m=new HashMap<>();
for(int i=0;i<nums.length;i++){
if(m.containsKey(target-nums[i])) return new int[]{i,m.get(target-nums[i])};
m.put(nums[i],i);} return null; }
}
""",
    ),
    (
        "java",
        "reverse",
        P,
        """
class Solution {
public ListNode reverseList(ListNode head) { ListNode p=null;
while(head!=null){ListNode n=head.next; head.next=p; p=head; head=n;} return p; }
}
""",
    ),
    (
        "java",
        "invert",
        P,
        """
class Solution {
public TreeNode invertTree(TreeNode r) { if(r!=null){ TreeNode t=r.left;
r.left=invertTree(r.right); r.right=invertTree(t);} return r; }
}
""",
    ),
    (
        "java",
        "merge",
        P,
        """
class Solution {
public ListNode mergeKLists(ListNode[] lists) { List<Integer> v=new ArrayList<>();
for(ListNode l:lists) for(;l!=null;l=l.next) v.add(l.val); Collections.sort(v);
ListNode d=new ListNode(),t=d; for(int x:v){t.next=new ListNode(x); t=t.next;}
return d.next; }
}
""",
    ),
    (
        "java",
        "sort",
        P,
        """
class Solution {
public void sortColors(int[] nums) { Arrays.sort(nums); }
}
""",
    ),
    (
        "java",
        "strings",
        P,
        """
class Solution {
public List<List<String>> group(String[] a, String x) {
return List.of(Arrays.asList(a),List.of(x)); }
}
""",
    ),
    (
        "java",
        "average",
        P,
        """
class Solution {
public double avg(List<Integer> n){
return n.stream().mapToInt(i->i).average().getAsDouble(); }
}
""",
    ),
    (
        "java",
        "grid",
        P,
        """
class Solution {
public int count(char[][] g){ int c=0; for(char[] r:g) for(char x:r) if(x=='1') c++;
return c; }
}
""",
    ),
    (
        "java",
        "stack",
        P,
        """
class MinStack {
 Deque<Integer> s=new ArrayDeque<>();
 public MinStack() {}
 public void push(int v){s.push(v);} public void pop(){s.pop();}
public int top(){return s.peek();} public int getMin(){return Collections.min(s);}
}
""",
    ),
    (
        "java",
        "cache",
        P,
        """
class LRUCache { Map<Integer,Integer> m=new HashMap<>(); public LRUCache(int capacity) {}
public int get(int k){ return m.getOrDefault(k,-1); } public void put(int k,int v){
m.put(k,v); } }
""",
    ),
    (
        "rust",
        "add",
        P,
        """
impl Solution {
pub fn add(a: i32, b: i32) -> i32 { a+b }
}
""",
    ),
    (
        "rust",
        "add",
        P,
        """
fn add(a: &i64, b: i32) -> i64 { a + b as i64 }
fn main(){}
""",
    ),
    (
        "rust",
        "add",
        W,
        """
impl Solution {
pub fn add(a: i32, b: i32) -> i32 { a-b }
}
""",
    ),
    (
        "rust",
        "add",
        C,
        """
impl Solution {
pub fn add(a: i32, b: i32) -> i32 { a-b; }
}
""",
    ),
    (
        "rust",
        "add",
        R,
        """
impl Solution {
pub fn add(a: i32, b: i32) -> i32 { panic!("x") }
}
""",
    ),
    (
        "rust",
        "add",
        R,
        """
impl Solution {
pub fn add(a: i32, b: i32) -> i32 { std::process::exit(0) }
}
""",
    ),
    (
        "rust",
        "add",
        T,
        """
impl Solution {
pub fn add(a: i32, b: i32) -> i32 { loop {} }
}
""",
    ),
    (
        "rust",
        "add",
        P,
        """
struct Solution;
impl Solution {
pub fn add(&self, a: i32, b: i32) -> i32 { a+b }
}
""",
    ),
    (
        "rust",
        "twoSum",
        P,
        """
use std::collections::HashMap;
impl Solution {
pub fn twoSum(nums: Vec<i32>, target: i32) -> Vec<i32> { let mut m=HashMap::new();
for (i,x) in nums.iter().enumerate() { if let Some(&j)=m.get(&(target-x)) {
return vec![i as i32,j]; } m.insert(*x,i as i32); } vec![] }
}
""",
    ),
    (
        "rust",
        "reverse",
        P,
        """
impl Solution {
pub fn reverseList(mut head: Option<Box<ListNode>>) -> Option<Box<ListNode>> {
let mut p=None; while let Some(mut n)=head { head=n.next.take(); n.next=p; p=Some(n); }
p }
}
""",
    ),
    (
        "rust",
        "invert",
        P,
        """
use std::rc::Rc;
use std::cell::RefCell;
impl Solution {
pub fn invertTree(root: Option<Rc<RefCell<TreeNode>>>) -> Option<Rc<RefCell<TreeNode>>> {
if let Some(n)=root.clone() { let l=Self::invertTree(n.borrow_mut().left.take());
let r=Self::invertTree(n.borrow_mut().right.take()); n.borrow_mut().left=r;
n.borrow_mut().right=l; } root }
}
""",
    ),
    (
        "rust",
        "merge",
        P,
        """
impl Solution {
pub fn mergeKLists(lists: Vec<Option<Box<ListNode>>>) -> Option<Box<ListNode>> {
let mut v=vec![]; for l in lists { let mut n=l; while let Some(x)=n { v.push(x.val);
n=x.next; } } v.sort(); let mut h=None; for x in v.into_iter().rev() {
let mut n=Box::new(ListNode::new(x)); n.next=h; h=Some(n); } h }
}
""",
    ),
    (
        "rust",
        "sort",
        P,
        """
impl Solution {
pub fn sortColors(nums: &mut Vec<i32>) { nums.sort(); }
}
""",
    ),
    (
        "rust",
        "strings",
        P,
        """
impl Solution {
pub fn group(a: Vec<String>, x: String) -> Vec<Vec<String>> { vec![a, vec![x]] }
}
""",
    ),
    (
        "rust",
        "strings",
        P,
        """
fn group<'a>(a: Vec<String>, x: &'a str) -> (Vec<String>, Vec<String>) {
(a, vec![x.to_string()]) }
""",
    ),
    (
        "rust",
        "average",
        P,
        """
impl Solution {
pub fn avg(n: Vec<i32>) -> f64 { n.iter().sum::<i32>() as f64 / n.len() as f64 }
}
""",
    ),
    (
        "rust",
        "grid",
        P,
        """
impl Solution {
pub fn count(g: Vec<Vec<char>>) -> i32 {
g.iter().flatten().filter(|c| **c=='1').count() as i32 }
}
""",
    ),
    (
        "rust",
        "stack",
        P,
        """
struct MinStack { s: Vec<i32> }
impl MinStack {
 fn new() -> Self { MinStack{s: vec![]} }
 fn push(&mut self, val: i32) { self.s.push(val); }
 fn pop(&mut self) { self.s.pop(); }
 fn top(&self) -> i32 { *self.s.last().unwrap() }
 fn get_min(&self) -> i32 { *self.s.iter().min().unwrap() }
}
""",
    ),
    (
        "rust",
        "cache",
        P,
        """
use std::collections::HashMap;
struct LRUCache { m: HashMap<i32,i32> }
impl LRUCache {
 fn new(capacity: i32) -> Self { LRUCache{m: HashMap::new()} }
 fn get(&mut self, key: i32) -> i32 { *self.m.get(&key).unwrap_or(&-1) }
 fn put(&mut self, key: i32, value: i32) { self.m.insert(key,value); }
}
""",
    ),
    ("go", "add", P, "func add(a int, b int) int { return a + b }"),
    (
        "go",
        "add",
        P,
        """
package main

import "fmt"

func add(a, b int64) int64 { fmt.Println("noise"); return a + b }

func main() { fmt.Println(add(1,2)) }
""",
    ),
    ("go", "add", W, "func add(a, b int) int { return a - b }"),
    ("go", "add", C, "func add(a, b int) int { return a - }"),
    ("go", "add", R, 'func add(a, b int) int { panic("x") }'),
    ("go", "add", R, "func add(a, b int) int { os.Exit(0); return 0 }"),
    ("go", "add", T, "func add(a, b int) int { for {} }"),
    (
        "go",
        "twoSum",
        P,
        """
func twoSum(nums []int, target int) []int { m:=map[int]int{}; for i,x:=range nums {
if j,ok:=m[target-x]; ok { return []int{i,j} }; m[x]=i }; return nil }
""",
    ),
    (
        "go",
        "reverse",
        P,
        """
func reverseList(head *ListNode) *ListNode { var p *ListNode; for head!=nil {
n:=head.Next; head.Next=p; p=head; head=n }; return p }
""",
    ),
    (
        "go",
        "invert",
        P,
        """
func invertTree(r *TreeNode) *TreeNode { if r!=nil {
r.Left,r.Right=invertTree(r.Right),invertTree(r.Left) }; return r }
""",
    ),
    (
        "go",
        "merge",
        P,
        """
func mergeKLists(lists []*ListNode) *ListNode { v:=[]int{}; for _,l:=range lists {
for ;l!=nil;l=l.Next { v=append(v,l.Val) } }; sort.Ints(v); d:=&ListNode{}; t:=d;
for _,x:=range v { t.Next=&ListNode{Val:x}; t=t.Next }; return d.Next }
""",
    ),
    ("go", "sort", P, "func sortColors(nums []int) { sort.Ints(nums) }"),
    (
        "go",
        "strings",
        P,
        """
func group(a []string, x string) [][]string { return [][]string{a,{x}} }
""",
    ),
    (
        "go",
        "average",
        P,
        """
func avg(n []int) float64 { s:=0; for _,x:=range n { s+=x };
return float64(s)/float64(len(n)) }
""",
    ),
    (
        "go",
        "grid",
        P,
        """
func count(g [][]byte) int { c:=0; for _,r:=range g { for _,x:=range r { if x=='1' {
c++ } } }; return c }
""",
    ),
    (
        "go",
        "stack",
        P,
        """
type MinStack struct { s []int }
func Constructor() MinStack { return MinStack{} }
func (this *MinStack) Push(val int) { this.s=append(this.s,val) }
func (this *MinStack) Pop() { this.s=this.s[:len(this.s)-1] }
func (this *MinStack) Top() int { return this.s[len(this.s)-1] }
func (this *MinStack) GetMin() int { m:=this.s[0]; for _,x:=range this.s { if x<m { m=x }
}; return m }
""",
    ),
    (
        "go",
        "cache",
        P,
        """
type LRUCache struct { m map[int]int }
func Constructor(capacity int) LRUCache { return LRUCache{map[int]int{}} }
func (this *LRUCache) Get(key int) int { if v,ok:=this.m[key]; ok { return v };
return -1 }
func (this *LRUCache) Put(key int, value int) { this.m[key]=value }
""",
    ),
    ("typescript", "add", P, "function add(a: number, b: number): number { return a + b; }"),
    (
        "typescript",
        "add",
        P,
        """
class Solution { add(a: number, b: number): number { return a + b; } }
""",
    ),
    ("typescript", "add", W, "const add = (a: number, b: number): number => a - b;"),
    ("typescript", "add", C, "function add(a: number, b: number): number { return a + "),
    ("typescript", "add", P, "export function add(a: number, b: number): number { return a + b; }"),
    (
        "typescript",
        "reverse",
        P,
        """
function reverseList(head: ListNode | null): ListNode | null {
let p: ListNode | null = null; while (head) { const n = head.next; head.next = p;
p = head; head = n; } return p; };
""",
    ),
    (
        "typescript",
        "invert",
        P,
        """
function invertTree(root: TreeNode | null): TreeNode | null { if (root) {
[root.left, root.right] = [invertTree(root.right), invertTree(root.left)]; } return root;
}
""",
    ),
    (
        "typescript",
        "merge",
        P,
        """
function mergeKLists(lists: Array<ListNode | null>): ListNode | null {
const v: number[] = []; for (let l of lists) while (l) { v.push(l.val); l = l.next; }
v.sort((a, b) => a - b); const d = new ListNode(0); let t = d; for (const x of v) {
t.next = new ListNode(x); t = t.next; } return d.next; }
""",
    ),
    (
        "typescript",
        "stack",
        P,
        """
class MinStack { private s: number[] = []; constructor() {} push(v: number): void {
this.s.push(v); } pop(): void { this.s.pop(); } top(): number {
return this.s[this.s.length - 1]; } getMin(): number { return Math.min(...this.s); } }
""",
    ),
]


@pytest.mark.parametrize(("language", "problem", "reason", "code"), PROGRAMS)
def test_functions(grade_calls: Grade, runner: Runner, language: str, problem: str, reason: Reason, code: str) -> None:
    """Each row is one form of a solution."""
    if language not in runner.languages:
        pytest.skip(f"no {language} in these jails")
    entry_point, cases, compare = PROBLEMS[problem]
    verdict = grade_calls(code, entry_point, cases, compare, language)
    assert verdict.reason is reason, verdict
    assert verdict.integrity == ""


ASSERTS: dict[str, tuple[str, str, str, str]] = {
    "cpp": (
        "#include <vector>\nint add(int a, int b) { return a + b; }",
        "int add(int a, int b) { return a - b; }",
        "#include <cstdlib>\nstruct E { E() { exit(0); } } e;\nint add(int a, int b) { exit(0); }",
        "#undef NDEBUG\n#include <assert.h>\nint main() {\n    assert(add(1, 2) == 3); //}\n assert(add(5, 5) == 10);}",
    ),
    "java": (
        "import java.util.*;\nclass Solution { public int add(int a, int b) { return a + b; } }",
        "class Solution { public int add(int a, int b) { return a - b; } }",
        "class Solution { public int add(int a, int b) { System.exit(0); return 3; } }",
        "public class Main { public static void main(String[] args) { Solution s = new Solution();\n"
        "if (s.add(1, 2) != 3) throw new AssertionError(); } }",
    ),
    "javascript": (
        "const add = (a, b) => a + b",
        "const add = (a, b) => a - b",
        "const add = (a, b) => process.exit(0)",
        "const testAdd = () => { console.assert(add(1, 2) === 3) }\ntestAdd()",
    ),
    "go": (
        "func Add(a int, b int) int { return a + b }",
        "func Add(a int, b int) int { return a - b }",
        "func Add(a int, b int) int { os.Exit(0); return 3 }",
        'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)\n\n'
        "func TestAdd(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal(3, Add(1, 2))\n}",
    ),
    "rust": (
        "use rand::Rng;\nuse md5;\nfn add(a: i32, b: i32) -> i32 { a + b }",
        "fn add(a: i32, b: i32) -> i32 { a - b }",
        "fn add(a: i32, b: i32) -> i32 { std::process::exit(0) }",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn test_add() { assert_eq!(add(1, 2), 3); }\n}",
    ),
}


@pytest.mark.parametrize("language", ASSERTS)
def test_asserts_in_the_candidates_language(grade_asserts: Grade, runner: Runner, language: str) -> None:
    """Compiled together, so weak; but an early exit is no pass, and a task may refuse."""
    if language not in runner.languages:
        pytest.skip(f"no {language} in these jails")
    right, wrong, leaves, source = ASSERTS[language]
    passed = grade_asserts(right, source, language=language)
    assert (passed.reason, passed.integrity) == (Reason.PASSED, "weak"), passed
    assert grade_asserts(wrong, source, language=language).reason is Reason.WRONG_ANSWER
    assert grade_asserts(leaves, source, language=language).outcome is Outcome.WRONG
    with pytest.raises(TaskInvalid):
        grade_asserts(right, source, language=language, require_integrity=True)


@pytest.mark.parametrize("entry_point", ["", "a b", "a(); system(1)", "x.y.z", "f\n", "f;"])
def test_an_entry_point_that_is_no_name_is_the_tasks_fault(entry_point: str) -> None:
    """It would become part of a program's text."""
    tests = FunctionTests(entry_point=entry_point, cases=(FunctionCase(expected=1),))
    for language in ("cpp", "java", "go", "rust"):
        with pytest.raises(TaskInvalid) as caught:
            driver_for(language, "", tests)
        assert caught.value.code == "bad_entry_point"


def test_a_language_without_a_driver_is_the_tasks_fault() -> None:
    """Functions of a shell script cannot be called by value."""
    with pytest.raises(TaskInvalid) as caught:
        driver_for("bash", "", FunctionTests(entry_point="f", cases=(FunctionCase(expected=1),)))
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("var x = 1;", R),
        ("class Solution { parseInt(text) { return 5; } }", W),
        ("function parseInt(text) { return Number(text); }", P),
        ("const parseInt = text => 5;", W),
        ("module.exports = {parseInt: text => Number(text)};", P),
    ],
)
def test_what_javascript_offers_everybody_is_nobodys_solution(
    grade_calls: Grade, runner: Runner, code: str, reason: Reason
) -> None:
    """A built-in function of the wanted name answered for a solution that does not define it (found 2026-11-27)."""
    if "javascript" not in runner.languages:
        pytest.skip("no jail here runs javascript")
    for entry in ("parseInt", "Solution.parseInt"):
        assert grade_calls(code, entry, [(["4"], 4)], language="javascript").reason is reason
